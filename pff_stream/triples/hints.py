"""What may have been meant by a line that is no triple, for messages."""

from __future__ import annotations

_SEPARATORS = ((b",", "commas"), (b";", "semicolons"), (b" ", "blanks"))


def hint(line: bytes, n_columns: int, is_wide: bool) -> str:
    """A sentence to end a message with, or nothing."""
    if b" <= " in line:
        return "; this looks like a rule: RULES come first, TRIPLES behind them"
    if n_columns > 3 and not is_wide:
        return "; --columns s,p,o,... leaves the others out"
    if n_columns == 1 and line.strip().isdigit():
        return "; --format openke reads a count and numbers"
    if n_columns == 1:
        for separator, name in _SEPARATORS:
            if len(line.split(separator)) == 3:
                if separator == b" ":
                    return f"; {name} separate the names of no file that is called .tsv"
                return f"; --format csv reads {name} below a line of column names"
    return ""
