"""How IRIs are written for miners: bare, in brackets, or with prefixes.

Names by the mapping `rdf-1` tell what they are: a literal begins with a quote, a blank node with
`_:`, a triple term with `<<(`, everything else is an IRI.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

USUAL = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "schema": "https://schema.org/",
    "dbr": "http://dbpedia.org/resource/",
    "dbo": "http://dbpedia.org/ontology/",
    "dbp": "http://dbpedia.org/property/",
    "wd": "http://www.wikidata.org/entity/",
    "wdt": "http://www.wikidata.org/prop/direct/",
    "yago": "http://yago-knowledge.org/resource/",
}
"""Prefixes that are used where the input declares none of these names."""
_OTHERS = ('"', "_:", "<<(")
_NAMESPACE = re.compile(r".*[/#:]", re.DOTALL)

Writing: TypeAlias = Callable[[str], str]
"""Makes the name that is written of an IRI."""


def bracketed(iri: str) -> str:
    """As in N-Triples."""
    return f"<{iri}>"


def prefixed(declared: Mapping[str, str]) -> Writing:
    """With the prefixes that are declared, and the usual ones.

    No two IRIs get one name: one that would look like a prefixed name is put in brackets.
    """
    prefixes = {**USUAL, **{name: space for name, space in declared.items() if name and space}}
    by_space = {space: name for name, space in prefixes.items()}

    def written(iri: str) -> str:
        match = _NAMESPACE.match(iri)
        space = match[0] if match else ""
        if space in by_space and len(space) < len(iri):
            return f"{by_space[space]}:{iri[len(space) :]}"
        return f"<{iri}>" if iri.partition(":")[0] in prefixes else iri

    return written


def rewritten(block: bytes, written: Writing) -> bytes:
    """Lines of triples with their IRIs written so."""
    lines = []
    for line in block.decode().removesuffix("\n").split("\n"):
        names = line.split("\t")
        lines.append(
            "\t".join(name if name.startswith(_OTHERS) else written(name) for name in names)
        )
    return ("\n".join(lines) + "\n").encode()
