# What is wrong with a line, in words: it is told to `bad`, or it ends the reading.


cdef _refuse(TripleLines lines, Text at, Text stop):
    """Tells `bad` what is wrong with the line at hand, or ends the reading."""
    cdef Text bad_byte
    if lines.problem == MEMORY:
        raise_no_memory(lines)
    line = bytes(at[: stop - at])
    if not lines.verbatim:
        line = line.removesuffix(b"\r")
        if lines.line == 0:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if lines.cuts_dots:
            line = line[: _without_dot(line, <Text>line + len(line)) - <Text>line]
        if _is_no_line(lines, line):
            return
    shown = repr(line[:80].decode("utf-8", "backslashreplace")) + ("..." if len(line) > 80 else "")
    names = ["a column that is ignored"] * lines.n_columns
    for i in range(3):
        names[lines.columns[i]] = ("subject", "relation", "object")[i]
    more = ["any others"] if lines.more_columns else []
    expected = "expected " + ", ".join(names + more) + " separated by tabs"
    if lines.problem == BLANK:
        message = f"found a blank line, {expected}"
    elif lines.problem == COLUMNS:
        n = line.count(b"\t") + 1
        message = f"found {counted(n, 'column')} in {shown}, {expected}"
        if not lines.verbatim:
            message += hint(line, n, lines.is_wide)
    elif lines.problem == EMPTY:
        fields = line.split(b"\t")
        column = next(i for i in sorted(lines.columns) if not fields[i])
        message = f"found an empty {names[column]} (column {column + 1}) in {shown}, {expected}"
    elif lines.problem == NUL:
        message = f"found a NUL character at byte {line.index(0) + 1} of {shown}, {expected}"
    elif lines.problem == UTF8:
        bad_byte = pff_bad_utf8(at, stop)
        message = (
            f"found the byte 0x{bad_byte[0]:02x} at byte {bad_byte - at + 1} of {shown}, "
            "expected UTF-8"
        )
    elif lines.problem == SELF_NAME:
        message = f"found the entity me_myself_i in {shown}, which no entity can be named"
    else:
        _refuse_more(lines)
    lines.bad.add(lines.source, lines.line + 1, message, "triple" if lines.verbatim else "line")


cdef _refuse_more(TripleLines lines):
    """Of what no graph has room for."""
    limit = f"at most {_MAX_NAMES - lines.entities.withheld:,} entities and as many relations in one graph"
    if lines.problem == TOO_LONG_NAME:
        limit = "names of under 2 GiB"
    elif lines.problem == TOO_MANY_TRIPLES:
        limit = f"at most {lines.most_triples:,} triples in one graph"
    raise InputError(f"{_place_of(lines)}: found more, expected {limit}")


cdef bint _is_no_line(TripleLines lines, bytes line):
    """Whether a line that cannot be read is nothing, or a comment; counts it."""
    if lines.problem in (BLANK, COLUMNS, EMPTY) and not line.strip(b" \t"):
        lines.n_blank += 1
        return True
    if lines.problem == COLUMNS and line.startswith(b"#"):
        lines.n_comments += 1
        return True
    return False


cdef str _place_of(TripleLines lines):
    """The line at hand; of lines that this program made, the triple."""
    return f"{lines.source}, {'triple' if lines.verbatim else 'line'} {lines.line + 1}"
