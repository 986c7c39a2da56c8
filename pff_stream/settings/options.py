"""Every option once: its name, how its value is read, what is expected, and its help text.

The command line, the environment, `--config` files, manifests and Python callers all read values
through this table, so that a value means the same and fails the same wherever it came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from pff_stream.errors import UsageError
from pff_stream.execute.executors import EXECUTORS
from pff_stream.settings.columns import EXPECTED
from pff_stream.settings.policy import FAIL_ON, read_bad_rule, read_fail_on
from pff_stream.settings.values import (
    read_choice,
    read_cluster,
    read_columns,
    read_file,
    read_findings,
    read_flag,
    read_fraction,
    read_functional,
    read_id_key,
    read_iri,
    read_key,
    read_names,
    read_path,
    read_several,
    read_shard,
    read_size,
    read_text,
    read_triple,
    read_whole,
)

PREFIX = "PFF_STREAM_"
_SHOWN = 80
"""So much of a wrong value is shown."""

_REPORT = re.compile(r"(?:([a-z][a-z0-9-]*)=)?(.+)", re.ASCII | re.DOTALL)
_START_METHODS = tuple(executor.name for executor in EXECUTORS)


class Option(NamedTuple):
    """One option: `read` turns text or a native value into the value of the settings' field."""

    name: str
    """As on the command line, without the leading dashes."""
    parse: Callable[[object], object]
    """Raises ValueError or TypeError where the value is not what `expected` says."""
    expected: str
    help: str
    metavar: str | None = None
    """None: a flag, which takes no value."""
    field: str = ""
    """Name of the settings' field; by default the name with underscores."""
    default: str | None = None
    """The default in words, for the help text."""
    environment: bool = True
    """Whether PFF_STREAM_<NAME> is read."""
    files: bool = True
    """Whether a `--config` file or a manifest may set it."""
    is_path: bool = False
    """In a file, relative to the folder of that file."""
    repeats: bool = False
    """Whether it may stand several times; the field has all values."""
    n_words: int = 1
    """How many words of a command line make its value."""

    @property
    def key(self) -> str:
        """Its name in a file, dashes written as underscores."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str | None:
        """Its environment variable, None where it has none."""
        return PREFIX + self.key.upper() if self.environment else None

    def read(self, value: object, origin: str) -> object:
        """The field's value; UsageError names `origin`, what was found and what was expected."""
        try:
            return self.parse(value)
        except (ValueError, TypeError):
            found = repr(value)
            if len(found) > _SHOWN:
                found = f"{found[:_SHOWN]}..."
            raise UsageError(f"{origin}: found {found}, expected {self.expected}") from None


_TABLE = (
    Option("rules", read_path, "a rule file or - for standard input",
           "Rules for --manifest: AnyBURL text (.gz, .zst, -) or a compiled .pffr file.",
           "RULES", is_path=True),
    Option("manifest", read_file, "a YAML file (it is read more than once, so not -)",
           "YAML file that lists many documents, each checked as a graph of its own.",
           "FILE", is_path=True),
    Option("budget", read_size(1), "a size from 1 byte, such as 512MiB or 4G",
           "Memory of all processes together is never more than this.",
           "SIZE", "budget_bytes", "what the machine allows"),
    Option("reserve", read_size(0), "a size, such as 512MiB or 0",
           "Left alone, of the machine's available memory.",
           "SIZE", "reserve_bytes", "512MiB"),
    Option("workers", read_whole(1), "a whole number from 1",
           "Exactly so many workers: it fits or is refused, and is never lowered.",
           "N", default="chosen by the plan"),
    Option("max-workers", read_whole(1), "a whole number from 1",
           "The plan chooses at most so many workers.",
           "N", default="cores that may be used"),
    Option("start-method", read_choice(*_START_METHODS),
           f"{', '.join(_START_METHODS[:-1])} or {_START_METHODS[-1]}",
           "How workers are started.", f"[{'|'.join(_START_METHODS)}]",
           default="chosen by the plan: processes, or threads where those do not fit"),
    Option("fence", read_choice("auto", "rlimit", "cgroup", "none"), "auto, rlimit, cgroup or none",
           "Kernel limits: each worker by its share (rlimit), also all processes together by the "
           "budget (cgroup; auto: where that can be).",
           "[auto|rlimit|cgroup|none]", default="auto"),
    Option("plan", read_file, "a plan saved with `plan -o`",
           "Take workers, start method and window from it; refused when the inputs changed.",
           "FILE", files=False),
    Option("cluster", read_cluster, "tcp://HOST:PORT, tls://HOST:PORT or a scheduler file",
           "Evaluate on the workers of this Dask cluster, which is there already; with it "
           "--workers is for each of them. Needs the extra dask.",
           "ADDRESS|FILE", default="this host alone"),
    Option("semantics", read_choice("object-identity", "homomorphism"),
           "object-identity or homomorphism",
           "Whether distinct variables stand for distinct entities (object-identity) "
           "or may coincide (homomorphism).",
           "[object-identity|homomorphism]", default="by the rule format"),
    Option("rule-format", read_text, "the name of a rule format",
           "Format of the rules: a name, or auto, by what the text begins with.",
           "NAME", default="auto"),
    Option("min-confidence", read_fraction, "a number from 0 to 1",
           "Leave out rules below this confidence in the miner's column.", "X"),
    Option("min-support", read_whole(0), "a whole number from 0",
           "Leave out rules below this support in the miner's column.", "N"),
    Option("relation", read_names, "a relation, or R* for all that begin with R",
           "Check only rules whose head has this relation; R* as a prefix where no rule has a "
           "relation of that name; may stand several times.",
           "R", default="all", repeats=True),
    Option("max-work", read_whole(0), "a whole number from 0",
           "Leave out rules whose work bound is over it, as too-large; none by default.", "N"),
    Option("unseen", read_whole(0), "a whole number from 0",
           "Unseen negatives, added to the predictions in every confidence.", "N", default="0"),
    Option("assumption", read_choice("closed", "partial"), "closed or partial",
           "Whether every absent prediction is a violation (closed), or only where the graph has "
           "some fact of the relation with this value of its functional variable (partial).",
           "[closed|partial]", default="closed"),
    Option("confidence", read_choice("miner", "miner-pca", "exact", "partial"),
           "miner, miner-pca, exact or partial",
           "What rules are ranked by: the miner's column, its PCA column, support by predictions "
           "on this graph (exact), or the same without the unknown ones (partial).",
           "[miner|miner-pca|exact|partial]",
           default="miner where every rule has it from 0 to 1, else exact"),
    Option("functional", read_functional, "R=subject or R=object",
           "Functional variable of a relation, where the graph does not tell; may stand several "
           "times.", "R=[subject|object]", default="the side with more distinct entities",
           repeats=True),
    Option("max-examples", read_whole(0), "a whole number from 0",
           "Violations of each rule in the list by rule, each with its witness; counts stay exact.",
           "N", default="10"),
    Option("max-violations", read_whole(0), "a whole number from 0",
           "Violations in the list by rule in all, in its order; counts stay exact.",
           "N", default="1000000"),
    Option("findings", read_findings, "a whole number from 0, or all",
           "Find the first N missing triples, best first, each with its reasons.",
           "N|all", default="1000 with --out, 100 in each document of --manifest, else 20"),
    Option("floor", read_fraction, "a number from 0 to 1",
           "Look at all rules of this confidence or more, not only at as many as it takes.",
           "C"),
    Option("score", read_choice("max", "noisy-or"), "max or noisy-or",
           "Score of a finding: the best confidence of its rules, or 1 minus the product of "
           "(1 - confidence), which needs --floor.", "[max|noisy-or]", default="max"),
    Option("max-reasons", read_whole(1), "a whole number from 1",
           "Rules written for each finding, best first.", "N", default="10"),
    Option("baseline", read_file, "a findings.jsonl of an earlier run",
           "Findings of an earlier run (--findings all --floor C): others are new. Needs --floor.",
           "FILE", is_path=True),
    Option("max-disk", read_size(1), "a size from 1 byte, such as 4GiB",
           "Temporary files that findings are made in are never more than this.",
           "SIZE", "max_disk_bytes", "4GiB"),
    Option("out", read_file, "a folder", "Folder for all results.", "DIR", is_path=True),
    Option("violations", read_path, "a file or - for standard output",
           "List the violations by rule, too (JSON Lines; .gz and .zst: packed); with - all talk "
           "goes to standard error.",
           "FILE|-", is_path=True),
    Option("report", read_several, "a file, or NAME=FILE",
           "Make a report of the results, in the form that the file's name ends with or that NAME "
           "says; may stand several times.", "[NAME=]FILE", environment=False, files=False,
           repeats=True),
    Option("shard", read_shard, "I/N, part I of N parts, as 2/5",
           "Do only part I of N of the work, and keep it in --out until `join` makes results of "
           "all parts; ends with 0 whatever is violated.", "I/N", default="all of it"),
    Option("resume", read_file, "the folder of an unfinished run",
           "Go on with the unfinished run in this folder: inputs and settings are its own, workers "
           "and budget may differ.", "DIR", environment=False, files=False),
    Option("names", read_file, "a file with an id, a tab and a label on each line",
           "Labels of ids, shown beside them.", "FILE", "names_file", is_path=True),
    Option("per-document", read_flag, "yes or no",
           "With --manifest and --out: a folder of results for each document besides."),
    Option("overwrite", read_flag, "yes or no", "Replace an unfinished run in --out."),
    Option("fail-on", read_fail_on,
           f"{FAIL_ON}; several with commas between",
           "What makes the command end with 1: any violation, nothing, more than N violations, "
           "more than the share P of violations among violations and support (0.05 or 5%), "
           "findings that --baseline has not, a finding of score S, or that no rule had a "
           "prediction; several with commas between.",
           "[violations|none|count>N|rate>P|new|new>N|score>=S|nothing-checked][,...]",
           default="violations"),
    Option("on-bad-rule", read_bad_rule, "fail, skip or a percentage such as 1%",
           "A rule that cannot be read: fail at the first, skip all, or fail over this share.",
           "[fail|skip|P%]", default="1%"),
    Option("on-bad-triple", read_bad_rule, "fail, skip or a percentage such as 1%",
           "A line that is no triple: fail at the first, skip all, or fail over this share.",
           "[fail|skip|P%]", default="fail"),
    Option("format", read_text, "the name of a triple format",
           "Format of the triples: tsv, json, csv (a line of column names first), openke "
           "(train2id.txt), pykeen (numeric_triples.tsv.gz), parquet, ntriples, nquads, turtle, "
           "trig, rdfxml, jsonld, n3, or auto, by name and content.", "NAME", default="auto"),
    Option("columns", read_columns, EXPECTED,
           "Order of subject, relation and object in TSV triples; _ is a column that is ignored, "
           "... any others behind. Of Parquet, and with --format csv, the names of three columns.",
           "s,p,o", default="s,p,o"),
    Option("id-key", read_id_key, "a key of the documents, or up to 8 with commas between",
           "Key that names an entity in JSON documents; several (resourceType,id) together, "
           "or keys inside of it (_id.$oid).",
           "KEY[,KEY...]", default="@id, id or msisdn"),
    Option("mapping", read_choice("json-1", "json-2"), "json-1 or json-2",
           "How objects of JSON documents are named by their paths; json-1: without escapes, as "
           "before.",
           "[json-1|json-2]", default="json-2"),
    Option("predicate", read_choice("key", "path"), "key or path",
           "Relation of a JSON value: its key, or its keys from the top joined by dots.",
           "[key|path]", default="key"),
    Option("max-document", read_size(1), "a size from 1 byte, such as 64MiB",
           "A larger JSON document is an error.", "SIZE", "max_document_bytes", "64MiB"),
    Option("graph-name", read_iri, "an IRI, as http://example.org/a",
           "Of N-Quads, TriG and JSON-LD only the triples of this named graph; else those of all.",
           "IRI"),
    Option("base", read_iri, "an IRI, as http://example.org/a",
           "What relative IRIs of RDF are resolved with; without it they are errors.", "IRI",
           "base_iri"),
    Option("iri", read_choice("bare", "bracketed", "prefixed"), "bare, bracketed or prefixed",
           "How IRIs of RDF are written: bare for AnyBURL, in brackets for AMIE, or with the "
           "prefixes that the input declares and usual ones.",
           "[bare|bracketed|prefixed]", environment=False, files=False, default="bare"),
    Option("as", read_choice("amie", "anyburl"), "amie or anyburl",
           "Notation that rules are written in.", "[amie|anyburl]", "notation",
           environment=False, files=False),
    Option("max-window", read_size(1), "a size from 1 byte, such as 128MiB",
           "A packed input that needs a larger window (zstd) or dictionary (xz) is refused.",
           "SIZE", "max_window_bytes", "8MiB, or more where the budget has room for it"),
    Option("graph", read_file, "an encoded graph",
           "Settle names of several readings with this graph.", "GRAPH", is_path=True),
    Option("chunk-rules", read_whole(1), "a whole number from 1 to 4096",
           "Rules that a worker takes at once, at most: fewer take less memory and more time.",
           "N", default="4096"),
    Option("check", read_flag, "yes or no", "Read and report only, write nothing."),
    Option("output", read_file, "a file", "File to write; replaced at once when it is complete.",
           "FILE", environment=False, files=False),
    Option("key", read_key, "16 hex digits, the key of a finding",
           "Explain the triple of this finding; needs --from.", "KEY",
           environment=False, files=False),
    Option("from", read_file, "a findings.jsonl",
           "Findings of a run with the same inputs, where --key is looked up.", "FILE",
           "findings_file", environment=False, files=False),
    Option("document", read_text, "the name of a document",
           "With --manifest: the document to look at, by its name there; a finding of --key has "
           "its own.", "NAME", "document_name", environment=False, files=False),
    Option("triple", read_triple, "three names: subject, relation and object",
           "The triple to explain, whether the graph has it or not.", "S R O",
           environment=False, files=False, n_words=3),
    Option("config", read_file, "a YAML file",
           "YAML file with option names as keys; paths in it are relative to it.",
           "FILE", files=False),
    Option("quiet", read_flag, "yes or no", "Say nothing but errors."),
    Option("verbose", read_flag, "yes or no", "Say more; with a traceback where something broke."),
    Option("log-json", read_flag, "yes or no", "Write logs as JSON, one object a line."),
)  # fmt: skip


def split_report(text: str) -> tuple[str | None, str]:
    """NAME, None where there is none, and FILE of a report."""
    found = _REPORT.fullmatch(text)
    assert found is not None  # the option has read it
    return found[1], found[2]


def split_functional(text: str) -> tuple[bytes, str]:
    """The relation, by its bytes, and its functional place; the option has read it."""
    relation, _, place = text.rpartition("=")
    return relation.encode("utf-8", "surrogateescape"), place


def _by_field() -> dict[str, Option]:
    return {option.field or option.key: option for option in _TABLE}


OPTIONS = _by_field()
"""All options by the name of the settings' field that they fill."""
