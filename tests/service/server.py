"""A small service of asyncio: a document in, what the rules say of it out.

    python -m tests.service.server RULES WORKERS

Prints its port, its plan and its process ids as a line of JSON. A request is a line of JSON with
the `name` and the `bytes` of a document, then the document; the answer is a line of JSON. The word
`pids` in place of a request is answered by the workers there are.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any

from pff_stream import AsyncValidator, DocumentError


def answer_of(result: Any) -> dict[str, Any]:
    """What is sent back of a result."""
    return {**result.to_dict(), "seconds": None}


class Service:
    """Answers its clients by a validator."""

    def __init__(self, validator: AsyncValidator) -> None:
        self._validator = validator

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until it goes away."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                if line == b"pids\n":
                    answer: Any = {"pids": self._validator.pids}
                else:
                    request = json.loads(line)
                    document = await reader.readexactly(request["bytes"])
                    answer = await self._answer(request["name"], document, reader)
                    del document
                if answer is None:
                    break
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(
        self, name: str, document: bytes, reader: asyncio.StreamReader
    ) -> dict[str, Any] | None:
        """The answer; None where the client has gone, whose check is given up then."""
        check = asyncio.ensure_future(self._validator.check(document, name, 20))
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait([check, gone], return_when=asyncio.FIRST_COMPLETED)
            return answer_of(await check) if check.done() else None
        except DocumentError as error:
            return {"document": name, "error": str(error)}
        finally:
            check.cancel()
            gone.cancel()
            await asyncio.wait([check, gone])
            del check  # its error holds this frame, and the frame the document


async def main(rules: str, workers: int) -> None:
    """Serves until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    options: dict[str, Any] = {"max_document": 4 << 20, "min_confidence": 0.5}
    async with AsyncValidator(rules, workers=workers, **options) as validator:
        service = Service(validator)
        server = await asyncio.start_server(
            service.serve, "127.0.0.1", 0, limit=1 << 16, backlog=256
        )
        port = server.sockets[0].getsockname()[1]
        told = {"port": port, "pid": os.getpid(), "planned": validator.plan.peak_bytes}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        async with server:
            await stopped.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
