"""The processes of a benchmark as their parent sees them: started, asked in lines of JSON, always ended, by pid."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from identity.errors import CommonsError

ROOT = Path(__file__).resolve().parent.parent.parent
ANSWER_S = 900.0
END_S = 10.0
_LINE_BYTES = 1 << 26
Data = dict[str, Any]


class BenchError(CommonsError):
    """A process of the benchmark failed; its own words follow."""


class Part:
    """One process that answers in lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log
        self.ends_by_signal = False  # most end when nobody can tell them anything any more

    @property
    def pid(self) -> int:
        """Return the process's number."""
        return self._process.pid

    async def ask(self, do: str, **given: Any) -> Data:
        """Give an order and return its answer.

        Raises:
            BenchError: if the process failed or ended.
        """
        return await self.turn({"do": do, **given})

    async def turn(self, order: Data) -> Data:
        """Write one line and read the next."""
        assert self._process.stdin is not None  # noqa: S101 - it was opened with a pipe
        with contextlib.suppress(ConnectionError):  # it has ended: `hear` says so
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            await self._process.stdin.drain()
        return await self.hear()

    async def hear(self) -> Data:
        """Return the next line that the process prints.

        Raises:
            BenchError: if it failed or ended.
        """
        assert self._process.stdout is not None  # noqa: S101 - it was opened with a pipe
        async with asyncio.timeout(ANSWER_S):
            line = await self._process.stdout.readline()
        if not line:
            words = await asyncio.to_thread(self._log.read_text, encoding="utf-8", errors="replace")
            raise BenchError(f"a process of the benchmark ended: {words[-2000:]}")
        answer: Data = json.loads(line)
        if "error" in answer:
            raise BenchError(str(answer["error"]))
        return answer

    def let_go(self) -> None:
        """Tell the process to end in good order."""
        if self.ends_by_signal:
            self._process.terminate()
        elif self._process.stdin is not None:
            self._process.stdin.close()

    async def end(self) -> None:
        """End the process: in good order, or at once if it does not."""
        if self._process.returncode is None:
            self.let_go()
            try:
                async with asyncio.timeout(END_S):
                    await self._process.wait()
            except TimeoutError:
                self._kill()
                await self._process.wait()

    def kill_at_once(self) -> None:
        """End the process without a word."""
        if self._process.returncode is None:
            self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


class Workshop:
    """The temporary folder of one run and the processes in it. Leaving it ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: list[Part] = []
        self._count = 0

    def fresh_folder(self, name: str) -> Path:
        """Return a folder that nobody has used."""
        self._count += 1
        folder = self.folder / f"{self._count:03d}-{name}"
        folder.mkdir(parents=True)
        return folder

    async def start(self, module: str, *arguments: str) -> Part:
        """Start `python -m module`."""
        self._count += 1
        log = self.folder / f"{self._count:03d}-{module.rpartition('.')[2]}.log"
        environment = {
            **os.environ,
            "COMMONS_STATE_DIR": str(self.folder / "state"),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", "")))),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # people's nodes keep what was compiled at their first start
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", module, *arguments, cwd=self.folder, env=environment, limit=_LINE_BYTES,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors, start_new_session=True,
            )  # fmt: skip
        part = Part(process, log)
        self.parts.append(part)
        return part

    async def node(self, *kind: str, **given: Any) -> Part:
        """Start a node and open its folder; `folder` is a new one if none is given."""
        given.setdefault("folder", str(self.fresh_folder("node")))
        part = await self.start("ui.bench.part", *kind)
        await part.ask("open", **given)
        return part

    async def end_all(self) -> None:
        """End every process."""
        parts, self.parts = self.parts, []
        await asyncio.gather(*(part.end() for part in parts))

    @contextlib.asynccontextmanager
    async def scene(self) -> AsyncIterator[None]:
        """End every process that was started meanwhile, whatever happens."""
        try:
            yield
        except BaseException:
            for part in self.parts:
                part.kill_at_once()
            raise
        finally:
            await self.end_all()
