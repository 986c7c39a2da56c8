"""The folder `.unfinished` in a folder of results: what was asked for, while a run is at work.

It is private to the user and holds `settings.json` (settings and hashes of the inputs), inputs that
cannot be read again, compiled and encoded (those that came from standard input or a pipe), and
whatever else a run needs to go on (`unfinished`). `settings.json` comes last when it is made; when
the run is finished the folder is renamed, then removed. Does not cover: reading settings back
(`resume`).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from pff_stream.errors import KEPT, InputError, UsageError
from pff_stream.files.durable import naming, synchronise_folder
from pff_stream.files.lock import lock
from pff_stream.files.writers import FileWriter, write_text
from pff_stream.notes import Notes
from pff_stream.report.folder import PART, REMAINS, STATE, STATE_SETTINGS, check_folder, made_folder
from pff_stream.settings.options import split_report

if TYPE_CHECKING:
    from pff_stream.inputs import Rules
    from pff_stream.settings.commands import RunSettings
    from pff_stream.settings.models import OutputOptions

FORMAT_VERSION = 2
"""Of the settings, of the journal, and of the records in the spool."""
KEPT_RULES, KEPT_TRIPLES = "rules.pffr", "graph.pffg"
_KEPT_TEXT = re.compile(r"input-[0-9]+\.zst")
_SETTINGS_BYTES = 16 << 20
LOCK_SECONDS = 3.0
"""How long the workers of a run that was killed may take to be gone."""
_COPY_BYTES = 1 << 20


class State:
    """The folder `.unfinished` of a run at work; no other run works in it at the same time."""

    def __init__(self, out: str) -> None:
        self.out = out
        self.path = os.path.join(out, STATE)
        self._lock = -1

    def lock(self) -> None:
        """Waits for what a dead run leaves; `UsageError` where a run is alive in this folder."""
        deadline = time.monotonic() + LOCK_SECONDS
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        self._lock = os.open(self.path, flags)
        while lock(self._lock) is False:  # network file systems may have no locks
            if time.monotonic() > deadline:
                raise UsageError(f"{self.out}: a run is at work in this folder")
            time.sleep(0.05)

    def finish(self) -> None:
        """All results have their names: nothing is left to be resumed."""
        remains = os.path.join(self.out, REMAINS)
        with naming(self.out):
            shutil.rmtree(remains, ignore_errors=True)
            os.rename(self.path, remains)
            shutil.rmtree(remains)

    def complete(self) -> None:
        """All of a part is done: it is kept, until all parts are joined."""
        kept = os.path.join(self.out, PART)
        with naming(self.out):
            shutil.rmtree(kept, ignore_errors=True)
            os.rename(self.path, kept)
            synchronise_folder(self.out)

    def forget(self) -> None:
        """No run can go on from here."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.path, STATE_SETTINGS))

    def close(self) -> None:
        """Lets another run work in the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def is_kept(self) -> bool:
        """Whether a run can go on from here."""
        return os.path.isfile(os.path.join(self.path, STATE_SETTINGS))


@contextmanager
def state_folder(output: OutputOptions, inputs: Mapping[str, Any]) -> Iterator[State]:
    """Makes the state of a new run, or opens that of one to resume; what fails in it says how.

    `inputs` says what the results come from; a state of other inputs is an `InputError`. A new
    state counts only from `write_settings` on.
    """
    assert output.out is not None  # the caller's reason to be here
    with ExitStack() as stack:
        stack.enter_context(made_folder(output.out))
        state = State(output.out)
        stack.callback(state.close)
        with naming(output.out):
            if output.resume is None:
                _make(state, overwrite=output.overwrite)
            else:
                state.lock()
                _compare(output.out, read_settings(output.out)["inputs"], inputs)
        try:
            yield state
        except BaseException as problem:
            if state.is_kept:
                problem.add_note(f"{KEPT}: `pff-stream run --resume {output.out}` goes on")
            else:
                shutil.rmtree(state.path, ignore_errors=True)
            raise


def _make(state: State, *, overwrite: bool) -> None:
    check_folder(state.out, overwrite=overwrite)
    shutil.rmtree(os.path.join(state.out, REMAINS), ignore_errors=True)
    if os.path.isdir(state.path):
        state.lock()
        shutil.rmtree(state.path, ignore_errors=True)
        state.close()
    os.mkdir(state.path, 0o700)
    state.lock()


def _compare(out: str, kept: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    for name, value in found.items():
        if kept.get(name) != value:
            raise InputError(
                f"--resume {out}: the {name} are not what the run began with (hash {value}, "
                f"expected {kept.get(name)}); --out {out} --overwrite starts anew"
            )


def write_settings(
    state: State,
    settings: RunSettings,
    inputs: Mapping[str, Any],
    kept: Mapping[str, str],
    copies: Mapping[str, str],
    notes: Notes,
) -> None:
    """From here on the state counts; `kept` names inputs that lie in it.

    `copies` are texts of inputs that lie in it, by path, as `keep_texts` told them.

    `notes` are those of the inputs: one that is kept does not tell them a second time.
    """
    document = {
        "format_version": FORMAT_VERSION,
        "settings": as_kept(settings),
        "inputs": inputs,
        "kept": kept,
        "texts": [{"name": path, "copy": copies.get(path)} for path in settings.inputs.triples],
        "notes": notes.to_json(),
    }
    write_text(os.path.join(state.path, STATE_SETTINGS), json.dumps(document, indent=2) + "\n")
    with naming(state.out):
        synchronise_folder(state.out)


def read_settings(out: str, state: str = STATE) -> dict[str, Any]:
    """The document that `write_settings` wrote; `InputError` where it is another.

    It is read only as a plain file in a folder of this user, and followed nowhere.
    """
    path = os.path.join(out, state, STATE_SETTINGS)
    check_private(out, state)
    try:
        with open(open_private(out, STATE_SETTINGS, os.O_RDONLY, state), encoding="utf-8") as file:
            document = json.loads(file.read(_SETTINGS_BYTES))
        os.fsencode(json.dumps(document, ensure_ascii=False))  # text that no path could hold
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: found no JSON ({error}), expected what a run wrote") from error
    version = document.get("format_version") if isinstance(document, dict) else None
    if version != FORMAT_VERSION:
        raise InputError(
            f"{path}: found format version {version!r}, expected {FORMAT_VERSION}: the run was "
            "begun by another version of pff-stream, whose results this one cannot read; "
            f"begin it anew: --out {out} --overwrite"
        )
    wrong = _wrong_part(document)
    if wrong:
        raise InputError(f"{path}: found other {wrong} than a run writes")
    return dict(document)


def _wrong_part(document: Mapping[str, Any]) -> str:
    """Which part of the settings no run wrote; empty where all may be."""
    settings, inputs, kept = (document.get(name) for name in ("settings", "inputs", "kept"))
    if not isinstance(settings, dict) or not isinstance(settings.get("rules"), str):
        return "settings"
    triples = settings.get("triples")
    if not isinstance(triples, list) or not all(isinstance(one, str) for one in triples):
        return "settings"
    if not isinstance(inputs, dict):
        return "inputs"
    allowed = {"rules": KEPT_RULES, "triples": KEPT_TRIPLES}
    if not isinstance(kept, dict) or not kept.items() <= allowed.items():
        return "kept inputs"
    texts = document.get("texts", [])
    if not isinstance(texts, list) or not all(map(_is_text, texts)):
        return "texts of inputs"
    try:
        Notes.from_json(document["notes"])
    except (KeyError, TypeError, ValueError):
        return "notes"
    return ""


def _is_text(text: object) -> bool:
    if not isinstance(text, dict) or not isinstance(text.get("name"), str):
        return False
    copy = text.get("copy")
    return copy is None or (isinstance(copy, str) and _KEPT_TEXT.fullmatch(copy) is not None)


def check_private(out: str, state: str = STATE) -> None:
    """`InputError` unless the state is a folder of this user, named by no link.

    Somebody else's says what to read and where to write: it is not ours to go on with.
    """
    path = os.path.join(out, state)
    try:
        found = os.lstat(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise InputError(f"{path}: found no folder, expected the one that a run made")
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise InputError(f"{path}: others than this user may write there: it is not resumed")
    with contextlib.closing(_Names(path)) as folder:
        for name in folder.names():
            one = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
            if not stat.S_ISREG(one.st_mode) or one.st_uid != os.getuid() or one.st_nlink != 1:
                raise InputError(f"{os.path.join(path, name)}: found no plain file of this user")


class _Names:
    """The folder of a state, opened without following a link."""

    def __init__(self, path: str) -> None:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self.descriptor = os.open(path, flags)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error

    def names(self) -> list[str]:
        """What lies in it."""
        return os.listdir(self.descriptor)

    def close(self) -> None:
        """Closes it."""
        os.close(self.descriptor)


def open_private(out: str, name: str, flags: int, state: str = STATE) -> int:
    """A descriptor of a plain file in the state, never of what a link leads to; raises OSError."""
    with contextlib.closing(_Names(os.path.join(out, state))) as folder:
        more = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(name, flags | more, 0o600, dir_fd=folder.descriptor)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_nlink != 1:
        os.close(descriptor)
        raise InputError(f"{os.path.join(out, state, name)}: found no plain file of this user")
    return descriptor


def as_kept(settings: RunSettings) -> dict[str, Any]:
    """Settings by field as JSON has them; paths of inputs hold from any working folder."""
    fields = settings.values()
    fields["rules"] = absolute(settings.inputs.rules)
    fields["triples"] = [absolute(path) for path in settings.inputs.triples]
    for name in ("manifest", "violations", "names_file", "baseline"):
        fields[name] = None if fields[name] is None else absolute(fields[name])
    named = map(split_report, settings.output.report)
    fields["report"] = [
        f"{name}={absolute(path)}" if name else absolute(path) for name, path in named
    ]
    for name in ("out", "resume", "plan"):  # a saved plan is of the whole run
        del fields[name]
    return fields


def absolute(path: str) -> str:
    """The path from the root; standard input or output as it is."""
    return path if path == "-" else os.path.abspath(path)


def keep_rules(state: State, path: str, rules: Rules) -> dict[str, str]:
    """A copy of rules that cannot be read a second time."""
    if os.path.isfile(path):
        return {}
    copy_input(rules.shared.name, os.path.join(state.path, KEPT_RULES))
    return {"rules": KEPT_RULES}


def copy_input(source: str, target: str) -> None:
    """Copies an input in windows, for good."""
    with open(source, "rb", buffering=0) as file, FileWriter(target) as writer:
        while window := file.read(_COPY_BYTES):
            writer.write(memoryview(window))
