"""AMIE's output: which lines are rules, what is read from them, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pff_stream.errors import InputError
from pff_stream.rules.formats.amie import AmieFormat
from pff_stream.rules.rule import Atom, Rule, Variable
from tests.rules.compiled import compiled, decoded, decoded_file
from tests.rules.formats.amie_counts import content, source_columns

DATA = Path(__file__).parents[2] / "data"
A, B, C = (Variable(f"?{letter}") for letter in "abc")
TWO = Rule(Atom("q", A, B), (Atom("r", A, C), Atom("s", C, B)))
TEXT = "?a  r  ?c  ?c  s  ?b   => ?a  q  ?b"
COLUMNS = "0.5\t0.25\t0.5\t2\t8\t4\t?a"
HEADER = (
    "Rule\tHead Coverage\tStd Confidence\tPCA Confidence\tPositive Examples\tBody size\t"
    "PCA Body size\tFunctional variable"
)


def columns(text: str) -> dict[str, list[float]]:
    """Columns of the miner of the rules of a source, all of which are read."""
    with compiled(text.encode(), on_bad_rule="fail") as (report, file):
        assert (report.rule_format, file.semantics) == ("amie", "homomorphism")
        assert set(decoded_file(file).values()) == {decoded(TWO)}
        return source_columns(file)[1]


WHOLE = {
    "predictions": [8],
    "support": [2],
    "confidence": [0.25],
    "pca_confidence": [0.5],
    "pca_predictions": [4],
    "head_coverage": [0.5],
}


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\n{TEXT}\t{COLUMNS}\n",
        f"{TEXT}\t{COLUMNS}",
        f"\ufeff{HEADER}\r\n{TEXT}\t{COLUMNS}\r\n",
        (
            f"Assuming rdf:type as type relation\nStarting the mining phase... {HEADER}\n"
            f"Using 1 threads\n{TEXT}\t{COLUMNS}\nMining done in 1 s\n1 rules mined.\n"
        ),
        f"{HEADER}\n{TEXT}\t{COLUMNS.replace('.', ',')}\n",
        (
            "Rule\tHead Coverage\tStandard Confidence\tPca Confidence\tSupport\tBody Size\t"
            f"Pca Body Size\tFunctional Variable\n{TEXT}\t0.500000\t0.25\t0.500000\t2\t8\t4\t-1\n"
        ),
        (
            "Rule\tPCA Confidence\tBody size\tPositive Examples\tHead Coverage\tStd Confidence\t"
            f"PCA Body size\n{TEXT}\t0.5\t8\t2\t5E-1\t0.25\t4\n"
        ),
        (
            "Rule\tSupport\tHead Coverage\tConfidence\tPCA Confidence\tPositive Examples\t"
            f"Body size\tPCA Body size\tPrediction variable\n{TEXT}\t0.02\t{COLUMNS[:9]}"
            "0.5\t2\t8\t4\t?a\n"
        ),
    ],
)
def test_columns_are_those_of_the_header(text: str) -> None:
    """In any order and under any of their names; without a header AMIE's own."""
    assert columns(text) == WHOLE


def test_results_of_a_run_are_read() -> None:
    """`rules.tsv` has AMIE's texts behind the counts; AnyBURL's texts there are AnyBURL's."""
    some = {name: WHOLE[name] for name in ("predictions", "support", "confidence")}
    found = columns(f"8\t2\t0.25\t{TEXT}\n")
    assert {name: found[name] for name in some} == some
    assert found["pca_predictions"] == [-1]
    assert not AmieFormat().matches("x", b"8\t2\t0.25\th(X,a => b) <= r(X,?a)\n")
    with compiled(f"8\t2\t0.25\t{TEXT}\n8\tx\t0.25\t{TEXT}\n".encode()) as (report, _):
        assert str(report.rejections[0]).startswith("line 2, column 3: found 'x', expected a whole")


def test_no_value() -> None:
    """What is left out, below 0, or no number at all."""
    without_std = f"{TEXT}\t0.5\t0.5\t2\t4\t?a\n"
    wanted = {
        **WHOLE,
        "predictions": [-1],
        "confidence": [pytest.approx(float("nan"), nan_ok=True)],
    }
    assert columns(without_std) == wanted
    assert columns(f"{HEADER}\n{TEXT}\t0.5\t-2.000000\t0.5\t2\t-1\t4\t-1\n") == wanted
    assert columns(f"{HEADER}\n{TEXT}\t0.5\tNaN\t0.5\t2\t\t4\t-1\n") == wanted
    nothing = columns(f"{TEXT}\n")
    assert nothing["support"] == [-1] and nothing["predictions"] == [-1]


@pytest.mark.parametrize("cells", [2, 3, 4, 5, 7, 9, 11])
def test_other_columns_need_a_header(cells: int) -> None:
    """Without one nobody can tell which they are."""
    line = "\t".join([TEXT, *(cells - 1) * ["1"]])
    expected = f"rules.tsv: line 2: found {cells} columns, expected a header that names them"
    with (
        pytest.raises(InputError, match=expected),
        compiled(f"Loading\n{line}\n".encode(), rule_format="amie"),
    ):
        pass


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{TEXT}\t1\t1\tx\t2\t8\t4\t?a", "column 41: found 'x', expected a number (PCA Conf"),
        (f"{TEXT}\t1\t1\t1\t2.5\t8\t4\t?a", "column 43: found '2.5', expected a whole number"),
        (f"{TEXT}\t1\t1\t1\t2\t8", "column 1: found 6 columns, expected 8, as in the header"),
        (TEXT[:-8], "column 1: found one column, expected 8, as in the header"),
        (f"?a  r\t{COLUMNS}", "column 6: found no ' => '"),
        (f"?a  r  ?c   => ?a  q  ?b\t{COLUMNS}", "variable ?b of the head in no body atom"),
        (f"?d!=x ?a  r  ?b   => ?a  q  ?b\t{COLUMNS}", "variable ?d of an inequality in no body"),
        (f"h(X,Y) <= r(X,Y)\t{COLUMNS}", "column 1: found AnyBURL's notation"),
        (f"?a  r  ?b   => ?a  q  \ud800?b\t{COLUMNS}", "found the byte 0xed, expected UTF-8"),
    ],
)  # fmt: skip
def test_broken_lines(line: str, message: str) -> None:
    """File, line and column, what was found and what was expected."""
    source = f"log\n{HEADER}\n{TEXT}\t{COLUMNS}\n{line}\n".encode("utf-8", "surrogatepass")
    with compiled(source) as (report, _):
        assert (report.rules, report.rejected) == (2, 1)
        assert str(report.rejections[0]).startswith("line 4, column ")
        assert message in str(report.rejections[0])
    with pytest.raises(InputError, match="rules.tsv: 1 of 2 rule lines could not be read"):
        with compiled(source, on_bad_rule="1%"):
            pass


def test_namespaces_stand_behind_the_rules() -> None:
    """Names are whole IRIs in brackets, types of literals, too; texts stay as they are."""
    lines = [
        "Starting the mining phase... Using 1 threads",
        HEADER,
        f'?a  p2:t  "1"^^p10:int>  ?a!=p0:x   => ?a  p2:u  p7:y\t{COLUMNS}',
        f"?a  broken\t{COLUMNS}",
        "p2:http://e.org/ns#",
        "p10:http://w.org/s#",
        "p0:http://e.org/",
    ]
    with compiled("\n".join(lines).encode()) as (report, file):
        assert (report.rules, report.rejected, report.rejections[0].line) == (2, 1, 4)
        chunk = file.read_chunk(0)
        names = {chunk.name(at) for at in range(chunk.n_names)}
        assert names == {
            b"<http://e.org/ns#t>",
            b'"1"^^<http://w.org/s#int>',
            b"<http://e.org/x>",
            b"<http://e.org/ns#u>",
            b"p7:y",
        }
        assert source_columns(file)[0][0] == lines[2].split("\t")[0]


def test_too_many_namespaces_are_refused() -> None:
    """What they take is bounded."""
    lines = [
        f"?a  p2:t  ?b   => ?a  p2:u  ?b\t{COLUMNS}",
        *(f"p{n}:http://{'x' * 99}/" for n in range(600)),
    ]
    with pytest.raises(InputError, match="rules.tsv: line 295: found namespaces of 32818 ch"):
        with compiled("\n".join(lines).encode()):
            pass


@pytest.mark.parametrize("path", sorted((DATA / "amie").glob("*.gz")), ids=lambda path: path.name)
def test_is_recognised(path: Path) -> None:
    """By what it begins with, with or without its log; but not what -ofmt anyburl writes."""
    output = content(path)
    assert AmieFormat().matches("x", output[:4096])
    rules = b"".join(line for line in output.splitlines(True) if b"=> " in line)
    assert bool(rules) is AmieFormat().matches("x", rules[:4096]) is ("-anyburl" not in path.name)


@pytest.mark.parametrize("name", ["umls/rules.tsv.gz", "nations/rules.tsv.gz", "edge/rules.tsv.gz"])
def test_is_not_mistaken(name: str) -> None:
    """AnyBURL's rules, as lines, as texts, and each line for itself."""
    lines = gzip.decompress((DATA / name).read_bytes()).splitlines(True)
    texts = [line.split(b"\t")[3] for line in lines]
    for some in (lines, texts):
        assert not AmieFormat().matches("x", b"".join(some)[:4096])
        assert not any(AmieFormat().matches("x", line) for line in some)
    assert not AmieFormat().matches("x", b"a\tr => s\tb\nh(X,?a  => ?b) <= r(X,Y)\n")


def test_output_for_anyburl_is_refused() -> None:
    """Its first column is no count of predictions, and names were changed in it."""
    output = content(DATA / "amie" / "edge-anyburl.out.gz")
    with pytest.raises(
        InputError, match="rules.tsv: line 15: found a rule in AnyBURL's notation, "
    ):
        with compiled(output, on_bad_rule="1%"):
            pass


def test_is_told_from_others_in_bounded_work() -> None:
    """Texts of nothing but separators, and what is no text at all."""
    for unit in (
        "?a",
        "(,",
        "=> (",
        "x(?a,",
        ") <= ",
        "Rule\t",
        "\t=> ",
        '"?a  r  ',
        "?a ) <= => ",
    ):
        text = (unit * 4096)[:4096].encode()
        assert not AmieFormat().matches("x", text)
        assert not AmieFormat().matches("x", b"=> \n" + text + b"\n" + text)
    assert not AmieFormat().matches("x", bytes(range(256)) + b"=> ")


def test_broken_rules_are_told_as_such() -> None:
    """Blanks that were lost between the parts: the error is about AMIE's notation."""
    line = f"?a r ?b => ?a q ?b\t{COLUMNS}\n".encode()
    with pytest.raises(
        InputError, match="found the head '.a q .b', expected subject, relation and object"
    ):
        with compiled(line, on_bad_rule="1%"):
            pass
