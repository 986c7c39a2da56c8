"""Triples as people bring them: read as meant, and said; or refused with the cause."""

from __future__ import annotations

import bz2
import lzma
import shutil
from pathlib import Path

import pytest

from pff_stream.errors import InputError
from pff_stream.rules.compile import compile_rules
from pff_stream.triples.graph import attach
from pff_stream.triples.inputs import checked_lines
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.store import GraphStore
from tests.triples.memory_writer import encoded

CASES = Path(__file__).parent.parent / "data" / "cases"
THREE = "a\tr\tb\nb\tr\tc\na\tq\tb\n"


def lines(*paths: Path, options: EncodeOptions | None = None) -> str:
    """What paths become, checked; the encoder reads as many."""
    options = options or EncodeOptions()
    found = b"".join(checked_lines(paths, options)).decode()
    assert encoded(*paths, options=options)[1].n_read == found.count("\n")
    return found


def written(folder: Path, name: str, data: str | bytes) -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def said(path: Path, options: EncodeOptions | None = None) -> str:
    """What is said of reading a path."""
    return " ".join(encoded(path, options=options)[1].warnings)


def refused(path: Path, options: EncodeOptions | None = None) -> str:
    """Why a path is not read."""
    with pytest.raises(InputError) as caught:
        encoded(path, options=options)
    return str(caught.value)


def test_full_stops_that_all_lines_have(tmp_path: Path) -> None:
    """They are left out, and it is said; comments and blank lines have none."""
    case = CASES / "07-dot-at-end-of-line"
    assert ".\n" not in lines(case / "tab-dot.tsv")
    for stop in ("\t.", " .", "  .", "\t .", " .\r"):
        text = "# made\n\n" + THREE.replace("\n", f"{stop}\n")
        path = written(tmp_path, "a.tsv", text)
        assert lines(path) == THREE
        assert "all lines end in a full stop" in said(path)
    path = written(tmp_path, "a.tsv", "a\tr\tb .")
    assert lines(path) == "a\tr\tb\n"


def test_full_stops_that_some_lines_have(tmp_path: Path) -> None:
    """They stand as they are where one of the first thousand has none, and it is said."""
    case = CASES / "07-dot-at-end-of-line"
    assert "1 of the first 2 lines end in a full stop" in said(case / "blank-dot.tsv")
    assert "end in a blank" in said(case / "trailing-blank.tsv")
    many = "".join(f"a\tr\tb{i} .\n" for i in range(999))
    path = written(tmp_path, "a.tsv", many + "a\tr\tc\n")
    assert "a\tr\tb0 .\n" in lines(path) and "999 of the first 1,000" in said(path)
    path = written(tmp_path, "b.tsv", many + "a\tr\td .\na\tr\tc\na\tr\te.\n")
    assert lines(path).endswith("a\tr\tb998\na\tr\td\na\tr\tc\na\tr\te.\n")
    assert refused(written(tmp_path, "c.tsv", "a\tr\tb\nc\tr\td\t.\n")).count("4 columns") == 1


def test_blank_lines_and_comments(tmp_path: Path) -> None:
    """Blank lines say nothing; lines with # are triples where they have three fields."""
    case = CASES / "21-blank-line-in-tsv"
    assert lines(case / "g.tsv") == "a\tr\tb\na\tq\tb\n" and lines(case / "c.tsv") == "a\tr\tb\n"
    text = "# one\n\n#\n   \n\t\t\r\n#x\tr\ty\n#\tone\ttwo\tthree\na\tr\tb"
    path = written(tmp_path, "a.tsv", text)
    assert lines(path) == "#x\tr\ty\na\tr\tb\n"
    report = encoded(path)[1]
    assert (report.n_comments, report.n_blank, report.n_bad) == (3, 3, 0)
    assert "an empty relation" in refused(written(tmp_path, "b.tsv", "a\t\tb\n"))


def options_of(columns: str, **others: str) -> EncodeOptions:
    """As `--columns` and others say."""
    from pff_stream.settings.models import InputOptions
    from pff_stream.triples.options import encode_options

    return encode_options(InputOptions.of(columns=columns, **others))


def test_further_columns(tmp_path: Path) -> None:
    """`_` is a column that must be there, `...` any others; what they hold does not matter."""
    case = CASES / "18-other-columns"
    assert "--columns s,p,o,... leaves the others out" in refused(case / "time.tsv")
    for name in ("time.tsv", "trailing.tsv"):
        for columns in ("s,p,o,_", "s,p,o,..."):
            assert lines(case / name, options=options_of(columns)).startswith("a\tr\tb\n")
    path = written(tmp_path, "a.tsv", "x\tb\t\tr\ta\n#\nx\tc\ty\tr\tb\tmore\n")
    assert lines(path, options=options_of("_,o,_,p,s,...")) == "a\tr\tb\nb\tr\tc\n"
    assert "line 3: found 6 columns" in refused(path, options_of("_,o,_,p,s"))
    assert "2 columns" in refused(written(tmp_path, "b.tsv", "a\tr\n"), options_of("s,p,o,..."))
    empty = written(tmp_path, "c.tsv", "a\tr\t\tb\n")
    assert "an empty object (column 3)" in refused(empty, options_of("s,p,o,_"))


def test_blanks_and_commas(tmp_path: Path) -> None:
    """Read where every line has three fields and neither a tab nor the name says otherwise."""
    case = CASES / "19-blanks-for-tabs"
    assert lines(case / "g.txt") == THREE and "separated by blanks" in said(case / "g.txt")
    assert "a\tr\tb\n" in lines(case / "g.csv") and "by commas" in said(case / "g.csv")
    for name, text, expected in (
        ("a", "a  r b\n\n b r c \r\n# a comment of many words\n", "a\tr\tb\nb\tr\tc\n"),
        ("b.txt", 'a,r,"b, c"\n"x ""y""", r ,z\n', 'a\tr\tb, c\nx "y"\tr\tz\n'),
        ("c.txt", "a, r, b\nb, r, c\n", "a\tr\tb\nb\tr\tc\n"),
        ("d.txt", "New York,in,USA\n", "New York\tin\tUSA\n"),
        ("e.txt", "<a> <r> <b> .\n<b> <r> <c> .\n", "<a>\t<r>\t<b>\n<b>\t<r>\t<c>\n"),
    ):
        assert lines(written(tmp_path, name, text)) == expected
    path = written(tmp_path, "f.txt", "a r b\n" * 1200 + "a r b c\n")
    assert "line 1201: found 4 columns in 'a r b c'" in refused(path)
    assert encoded(path, options=EncodeOptions(on_bad_triple="skip"))[1].n_bad == 1


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.tsv", "a r b\n", "1 column in 'a r b'"),
        ("a.txt", "a r b\n" * 900 + "a r b c\n", "more or fewer than three fields"),
        ("a.txt", "x,1 r,2 y\n", "by blanks as by commas"),
        ("a.txt", "q(X,Y) <= r(X,Y)\n", "looks like a rule: RULES come first"),
        ("a.txt", "subject,predicate,object\na,r,b\n", "--format csv --columns subject,predicate"),
        ("a.txt", "a;r;b\n", "--format csv reads semicolons"),
        ("a.txt", "a b\n", "1 column in 'a b'"),
    ],
)
def test_what_is_not_guessed(tmp_path: Path, name: str, text: str, found: str) -> None:
    """Where it is not clear, the message says what would do."""
    assert found in refused(written(tmp_path, name, text))


def test_openke(tmp_path: Path) -> None:
    """Head, tail, relation by number, with the names beside it where there are any."""
    case = CASES / "20-openke-train2id" / "train2id.txt"
    assert "--format openke" in refused(case)
    options = EncodeOptions(format="openke")
    assert lines(case, options=options).startswith("0\t0\t1\n")
    assert "no entity2id.txt beside it" in said(case, options)
    path = written(tmp_path, "train2id.txt", "2\n0 1 0\n1\t0\t1\n")
    written(tmp_path, "entity2id.txt", "2\n/m/1\t0\nNew York\t1\n")
    written(tmp_path, "relation2id.txt", "2\n/in 0\n/of 1\n")
    assert lines(path, options=options) == "/m/1\t/in\tNew York\nNew York\t/of\t/m/1\n"
    for text, found in (
        ("3\n0 1 0\n", "found 1 triple, expected 3"),
        ("1\n0 2 0\n", "line 2: found '0 2 0', expected numbers of entity2id.txt"),
        ("0 1 0\n", "line 1: found '0 1 0', expected the number of triples"),
        ("1\n0 1\n", "line 2: found '0 1', expected three numbers"),
    ):
        assert found in refused(written(tmp_path, "train2id.txt", text), options)
    written(tmp_path, "entity2id.txt", "2\na\t0\na\t1\n")
    assert "the name 'a' twice" in refused(written(tmp_path, "train2id.txt", "0\n"), options)


def test_csv(tmp_path: Path) -> None:
    """Columns by the names in the first line, quotes, delimiters; bad rows by their line."""
    text = 'id;object;predicate;subject\n1;"b; ""c""";r;a\n\n2;d;"q\nq";a\n3;e\n4;e;;a\n5;b;r;a"\n'
    path = written(tmp_path, "a.csv", "\ufeff" + text)
    options = EncodeOptions(format="csv", on_bad_triple="skip")
    report = encoded(path, options=options)[1]
    assert report.n_read == 2 and [bad.number for bad in report.bad] == [4, 6, 7]
    assert "line 4: found" in refused(path, EncodeOptions(format="csv"))
    path = written(tmp_path, "b.csv", '"the, head",of,to\na,r,b\n')
    named = options_of('"the, head",of,to', format="csv")
    assert lines(path, options=named) == "a\tr\tb\n"
    assert "expected a line of column names" in refused(path, EncodeOptions(format="csv"))
    assert "expected a line of column names" in refused(written(tmp_path, "c", ""), named)


@pytest.mark.parametrize("name", ["d.geojson", "d.txt", "d", "d.geojson.gz"])
def test_json_by_its_content(tmp_path: Path, name: str) -> None:
    """Under any name that promises nothing else."""
    shutil.copy(CASES / "12-json-by-suffix-only" / "d.geojson", tmp_path / name)
    assert encoded(tmp_path / name)[1].mapping.startswith("json-")
    for text in ("[x]\tr\t{y}\n", '{"x"}\tr\t"y"\n', '{"x\tr\ty\n'):
        assert lines(written(tmp_path, name, text)) == text
    assert encoded(written(tmp_path, name, '[\n\t{\n\t\t"a": 1}]'))[1].n_read == 1


def test_json_ld_is_no_plain_document(tmp_path: Path) -> None:
    """It is RDF, in which keys without a context say nothing; as JSON it is read when asked."""
    path = written(tmp_path, "a.jsonld", '{"id": "x", "r": "y"}')
    assert encoded(path)[1].n_read == 0
    assert encoded(path, options=EncodeOptions(format="json"))[1].n_read == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["a.tsv", "a.json", "a", "rules"])
def test_other_encodings(tmp_path: Path, encoding: str, name: str) -> None:
    """Triples, documents and rules: the message names the encoding."""
    texts = {"a.json": '{"id": "a", "r": "b"}', "rules": "2\t1\t0.5\tq(X,Y) <= r(X,Y)\n"}
    data = texts.get(name, THREE).encode(encoding)
    if encoding == "utf-32" or name != "rules":
        message = refused(written(tmp_path, name, data), EncodeOptions(on_bad_triple="skip"))
    else:
        with pytest.raises(InputError) as caught:
            compile_rules([data], None, source_name=name)
        message = str(caught.value)
    assert f"found {encoding[:6].upper()} (" in message and "expected UTF-8" in message


def test_files_in_each_others_place(tmp_path: Path) -> None:
    """Compiled and encoded files, rules and triples: each is named for what it is."""
    case = CASES / "11-compiled-files-swapped-unclear"
    with GraphStore.at_path(tmp_path / "g") as store:
        encoded_bytes = encoded(case / "g.tsv")[0]
        store.resize(len(encoded_bytes))
        store.map_writable()[:] = encoded_bytes
        store.seal()
        with attach(store.name):
            pass
    data = (tmp_path / "g").read_bytes()
    with pytest.raises(InputError, match="g: found an encoded graph .*expected rules"):
        compile_rules([data], None, source_name="g")
    assert "found an encoded graph (.pffg), expected triples" in refused(tmp_path / "g")
    compiled = written(tmp_path, "r", b"\x87\xa6format\xb0pff-stream rules\xae")
    assert "found compiled rules (.pffr), expected triples" in refused(compiled)
    assert "this looks like a rule: RULES come first" in refused(case / "r.tsv")
    for name, looks in (("g.tsv", "triples"), ("../12-json-by-suffix-only/d.geojson", "a JSON")):
        with pytest.raises(InputError, match=f"this looks like {looks}.*: RULES come first"):
            compile_rules([(case / name).read_bytes()], None, source_name="g.tsv")
    assert "a zip archive" in refused(written(tmp_path, "z.tsv", b"PK\x03\x04..."))


def test_bzip2_and_xz(tmp_path: Path) -> None:
    """By content, whatever the name; a document, too."""
    case = CASES / "10-packed-otherwise-unclear"
    assert lines(case / "g.tsv.bz2") == lines(case / "g.tsv.xz") == THREE
    for pack in (bz2.compress, lzma.compress):
        path = written(tmp_path, "d.json.xz", pack(b'{"id": "x", "r": "y"}'))
        assert encoded(path)[1].n_read == 2


def test_triples_beside_a_document() -> None:
    """One graph; how names are made is the document's."""
    case = CASES / "23-tsv-and-json-together"
    assert encoded(case / "g.tsv", case / "d.json")[1].mapping.startswith("json-")


@pytest.mark.parametrize(("share", "good"), [("1%", False), ("10%", True), ("9.9%", False)])
def test_a_share_of_bad_triples(tmp_path: Path, share: str, good: bool) -> None:
    """As of rules: all are counted, and over the share the input is refused."""
    path = written(tmp_path, "a.tsv", "a\tr\tb\n" * 9 + "a\tr\n")
    options = EncodeOptions(on_bad_triple=share)
    if good:
        assert encoded(path, options=options)[1].n_bad == 1
    else:
        message = refused(path, options)
        assert f"1 of 10 triples could not be read, more than --on-bad-triple {share}" in message
        assert "line 10: found 2 columns" in message
