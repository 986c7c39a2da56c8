"""The programs in docs/service.md run, and answer; with frameworks where these are installed."""

from __future__ import annotations

import http.client
import importlib.util
import json
import re
import runpy
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)```", PAGE, re.DOTALL))
DOCUMENT = (ROOT / "docs" / "example" / "umls_document.json").read_bytes()

pytestmark = pytest.mark.thorough


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with rules, documents and all programs of the page."""
    shutil.copy(ROOT / "docs" / "example" / "umls_rules.tsv", tmp_path / "rules.tsv")
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "good.json").write_bytes(DOCUMENT)
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def needs(*names: str) -> None:
    """Skips where one of the frameworks is not here."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: pip install -e '.[frameworks]'")


@contextmanager
def served(folder: Path, *command: str) -> Iterator[int]:
    """The port of a server that is started by `python -m`; it is ended behind the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    words = [word.replace("PORT", str(port)) for word in command]
    with subprocess.Popen([sys.executable, "-m", *words], cwd=folder) as process:
        try:
            yield port
        finally:
            process.terminate()
            process.wait(60)


def asked(port: int, name: str, body: bytes) -> tuple[int, Any]:
    """Status and answer, when the server is up."""
    deadline = time.monotonic() + 120
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("POST", f"/check/{name}", body)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        finally:
            connection.close()


def assert_answers(port: int) -> None:
    """Documents and what is none, again and again, so that each process has its turn."""
    for number in range(8):
        status, answer = asked(port, f"d{number}", DOCUMENT)
        assert status == 200 and answer["document"] == f"d{number}"
        assert answer["outcome"] == "violated" and len(answer["findings"]) == 20
        status, answer = asked(port, "bad", b"{")
        assert status == 422 and answer["detail"].startswith("bad, line 1")


def test_fastapi(folder: Path) -> None:
    """Under uvicorn with two processes."""
    needs("fastapi", "uvicorn")
    command = "uvicorn web:app --workers 2 --port PORT --log-level warning"
    with served(folder, *command.split()) as port:
        assert_answers(port)


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["", "preloaded"])
def test_flask(folder: Path, preload: list[str]) -> None:
    """Under gunicorn with two processes, opened in each or before the fork."""
    needs("flask", "gunicorn")
    command = "gunicorn -w 2 -b 127.0.0.1:PORT --log-level warning pages:create_app()"
    with served(folder, *command.split(), *preload) as port:
        assert_answers(port)


def test_the_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Says whether a document is in order."""
    runpy.run_path(str(folder / "first.py"))
    assert capsys.readouterr().out.splitlines()[-1].split()[0] in ("True", "False")


def test_threads(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pool of the caller's, and a window."""
    (folder / "documents" / "twice.json").write_bytes(DOCUMENT)
    runpy.run_path(str(folder / "threads.py"))
    said = capsys.readouterr().out.splitlines()
    assert said == ["False 100", "False 100", "good.json 100", "twice.json 100"]


def test_a_consumer(folder: Path) -> None:
    """Answers each message, and ends with the queue."""
    import asyncio

    consume = runpy.run_path(str(folder / "consumer.py"))["consume"]

    async def main() -> dict[str, Any]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        answered: dict[str, Any] = {}

        async def answer(name: str, told: Any) -> None:
            answered[name] = told

        for number in range(5):
            body = "{" if number == 3 else DOCUMENT
            await queue.put({"id": f"m{number}", "body": body})
        await queue.put(None)
        await asyncio.wait_for(consume(queue, answer), 120)
        return answered

    answered = asyncio.run(main())
    assert sorted(answered) == [f"m{number}" for number in range(5)]
    assert answered["m3"].startswith("m3, line 1") and answered["m0"]["outcome"] == "violated"
