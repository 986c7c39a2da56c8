"""3,000 documents of customers, with 156 errors planted in them, and the rules that catch those.

Deterministic. Each error breaks exactly one triple that the rules predict, and nothing else does.
`cli-000022.json` is the example of the documentation: a plan FIBRA200 whose speed is 50.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any, Literal

from tests.findings.place_reference import line_at, parsed, pointed, token

N_DOCUMENTS, N_ERRORS = 3000, 156
FIRST_ERROR = 22
"""The document of the example."""
_SPEEDS = (100, 200, 50, 300, 400, 500, 600, 700, 800, 1000)
_KINDS = ("FIBRA", "MOVEL", "SAT")
_CITIES = (
    ("Niterói", "RJ"), ("Rio de Janeiro", "RJ"), ("Petrópolis", "RJ"), ("São Paulo", "SP"),
    ("Campinas", "SP"), ("Santos", "SP"), ("Belo Horizonte", "MG"), ("Uberlândia", "MG"),
    ("Vitória", "ES"), ("Curitiba", "PR"), ("Londrina", "PR"), ("Florianópolis", "SC"),
    ("Joinville", "SC"), ("Porto Alegre", "RS"), ("Caxias do Sul", "RS"), ("Salvador", "BA"),
    ("Ilhéus", "BA"), ("Recife", "PE"), ("Olinda", "PE"), ("Fortaleza", "CE"), ("Natal", "RN"),
    ("João Pessoa", "PB"), ("Maceió", "AL"), ("Aracaju", "SE"), ("Manaus", "AM"), ("Belém", "PA"),
)  # fmt: skip
_REGIONS = {
    "Sudeste": ("RJ", "SP", "MG", "ES"),
    "Sul": ("PR", "SC", "RS"),
    "Nordeste": ("BA", "PE", "CE", "RN", "PB", "AL", "SE"),
    "Norte": ("AM", "PA"),
}
_SEGMENTS = {"residential": "monthly", "business": "quarterly", "public": "yearly"}

Values = dict[str, dict[str, str]]
"""By the value of a key that decides: the other keys, and what each must be."""


@dataclass(frozen=True)
class Planted:
    """An error: what is to be found, and where."""

    document: str
    """The stem of its file."""
    triple: tuple[str, str, str]
    """What should be there."""
    kind: Literal["conflict", "absent"]
    found: tuple[str, ...]
    """The objects that are there instead."""
    line: int
    pointer: str
    rule: int
    """The line of the one rule that predicts it, from 1."""
    witness: tuple[str, str, str]
    witness_line: int
    witness_pointer: str


@dataclass(frozen=True)
class Rule:
    """`key(X,value) <= by(X,by_value)`: what decides a value."""

    by: str
    by_value: str
    key: str
    value: str

    @property
    def text(self) -> str:
        """As AnyBURL writes it."""
        return f"{self.key}(X,{self.value}) <= {self.by}(X,{self.by_value})"


def _plans() -> Values:
    found: Values = {}
    for kind in _KINDS:
        for number, speed in enumerate(_SPEEDS):
            found[f"{kind}{speed}"] = {
                "technology": kind.lower(),
                "upload": str(speed // 2),
                "speed": str(speed),
                "fee/month": f"{49 + 10 * number}.90",
                "options": f"router-{number % 4}",
            }
    return found


def _cities() -> Values:
    found: Values = {}
    for number, (city, state) in enumerate(_CITIES):
        region = next(name for name, states in _REGIONS.items() if state in states)
        found[city] = {"state": state, "region": region, "tax~zone": f"Z{number % 7}"}
    return found


_DECIDED = {
    "code": _plans(),
    "city": _cities(),
    "segment": {segment: {"billing": cycle} for segment, cycle in _SEGMENTS.items()},
}
RULES = [
    Rule(by, value, key, implied)
    for by, values in _DECIDED.items()
    for value, keys in values.items()
    for key, implied in keys.items()
]
"""231 of them; number 8 is `speed(X,200) <= code(X,FIBRA200)`."""


class PlantedDocuments:
    """The documents by their stems, as texts, and the errors in them by these."""

    def __init__(self, n_documents: int = N_DOCUMENTS, n_errors: int = N_ERRORS) -> None:
        self._random = random.Random(20)
        others = [n for n in range(n_documents) if n != FIRST_ERROR]
        wrong = {FIRST_ERROR, *self._random.sample(others, n_errors - 1)}
        self.texts: dict[str, str] = {}
        self.errors: dict[str, Planted] = {}
        for number in range(n_documents):
            stem = f"cli-{number:06}"
            document = self._document(number)
            planted = None
            if number in wrong:
                planted = self._plant(document, number)
            text = self._written(document, number)
            self.texts[stem] = text
            if planted is not None:
                self.errors[stem] = _located(stem, text, *planted)

    def rule_lines(self) -> str:
        """The rules as AnyBURL text, with how often each holds in these documents."""
        counts: dict[tuple[str, str], int] = {}
        wrong: dict[int, int] = {}
        for text in self.texts.values():
            for value in _objects(json.loads(text)):
                for by in _DECIDED.keys() & value.keys():
                    counts[by, value[by]] = counts.get((by, value[by]), 0) + 1
        for error in self.errors.values():
            wrong[error.rule] = wrong.get(error.rule, 0) + 1
        lines = []
        for number, rule in enumerate(RULES, 1):
            n = counts.get((rule.by, rule.by_value), 0)
            good = n - wrong.get(number, 0)
            lines.append(f"{n}\t{good}\t{good / n if n else 0.0!r}\t{rule.text}\n")
        return "".join(lines)

    def _document(self, number: int) -> dict[str, Any]:
        """One customer, without an error."""
        pick = self._random.choice
        stem = f"cli-{number:06}"
        is_first = number == FIRST_ERROR
        segment = pick(sorted(_SEGMENTS))
        city = "Niterói" if is_first else pick(_CITIES)[0]
        addresses: list[Any] = [[{"city": city, **_DECIDED["city"][city]}]]
        if not is_first and self._random.random() < 0.2:
            second = pick(_CITIES)[0]
            addresses.append([None, [{"city": second, **_DECIDED["city"][second]}]])
        lines = []
        for place in range(1 if is_first else self._random.randint(1, 3)):
            code = "FIBRA200" if is_first else pick(sorted(_DECIDED["code"]))
            keys = _DECIDED["code"][code]
            msisdn = "5521934313000" if is_first else f"55{number:06}{place:05}"
            plan: dict[str, Any] = {"code": code, "technology": keys["technology"]}
            plan["speed"], plan["upload"] = int(keys["speed"]), int(keys["upload"])
            plan["fee/month"] = keys["fee/month"]
            plan["options"] = [keys["options"], *(["roaming"] if place else [])]
            lines.append({"msisdn": msisdn, "status": pick(["active", "blocked"]), "plan": plan})
        customer = {
            "name": f"Cliente {number} \\ é\t",
            "segment": segment,
            "billing": _SEGMENTS[segment],
            "addresses": addresses,
        }
        return {"id": stem, "customer": customer, "lines": lines}

    def _plant(self, document: dict[str, Any], number: int) -> tuple[str, str, Rule, list[str]]:
        """Puts an error in; its object's name and pointer, the rule, the values that are left."""
        pick = self._random.choice
        places = list(_places(document, document["id"], ""))
        name, pointer, value, by = pick(places)
        key = pick(sorted(_DECIDED[by][value[by]]))
        if number == FIRST_ERROR:
            name, pointer, value, by = next(place for place in places if place[3] == "code")
            key = "speed"
        rule = next(
            rule for rule in RULES if (rule.by, rule.by_value, rule.key) == (by, value[by], key)
        )
        if number != FIRST_ERROR and self._random.random() < 0.3:
            del value[key]
            return name, pointer, rule, []
        if key == "options":
            value[key] = [*value[key][1:], "none", "other"]
            return name, pointer, rule, list(value[key])
        others = sorted({keys[key] for keys in _DECIDED[by].values()} - {rule.value})
        other = "50" if number == FIRST_ERROR else pick(others) if others else "unheard of"
        value[key] = int(other) if isinstance(value[key], int) else other
        return name, pointer, rule, [other]

    def _written(self, document: dict[str, Any], number: int) -> str:
        """The text, in one of several ways to lay it out."""
        way = 0 if number == FIRST_ERROR else number % 4
        if way == 0:
            return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        if way == 1:
            return json.dumps(document, separators=(",", ":"))
        if way == 2:
            return "\n\n" + json.dumps(document, indent="\t").replace("\n", "\r\n")
        return json.dumps(document, indent=0, separators=(" ,", "\n:\n"))


def _objects(value: Any) -> list[dict[str, Any]]:
    """All objects of a document."""
    if isinstance(value, list):
        return [found for element in value for found in _objects(element)]
    if not isinstance(value, dict):
        return []
    return [value, *_objects(list(value.values()))]


def _places(value: Any, name: str, pointer: str) -> list[tuple[str, str, dict[str, Any], str]]:
    """The objects in which something is decided: name, pointer, the object, by which key."""
    found: list[tuple[str, str, dict[str, Any], str]] = []
    if isinstance(value, list):
        for index, element in enumerate(value):
            found += _places(element, f"{name}/{index}", f"{pointer}/{index}")
    elif isinstance(value, dict):
        name = value.get("id") or value.get("msisdn") or name
        found += [(name, pointer, value, by) for by in sorted(_DECIDED.keys() & value.keys())]
        for key, member in value.items():
            found += _places(member, f"{name}/{key}", pointer + token(key))
    return found


def _located(
    stem: str, text: str, name: str, pointer: str, rule: Rule, found: list[str]
) -> Planted:
    """With the lines of the text."""
    root, _ = parsed(text)
    place = pointer + token(rule.key)
    where = pointed(root, place) if found else pointed(root, pointer)
    if isinstance(where.value, list):
        where, place = where.value[0], f"{place}/0"
    because = pointer + token(rule.by)
    return Planted(
        document=stem,
        triple=(name, rule.key, rule.value),
        kind="conflict" if found else "absent",
        found=tuple(found),
        line=line_at(text, where.at),
        pointer=place,
        rule=RULES.index(rule) + 1,
        witness=(name, rule.by, rule.by_value),
        witness_line=line_at(text, pointed(root, because).at),
        witness_pointer=because,
    )
