"""Searches answered by a process of their own, so that the API server loads neither torch nor an index.

One at a time, for the run that was searched last. It ends when nobody has asked for IDLE_SECONDS, when another run is
searched, and with this process, whose end closes its input.
"""

import json
import queue
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from typing import IO, Any

from configs.credentials import masked
from configs.errors import UserError
from pipeline.contract.artifact import SEAL
from pipeline.contract.run import Run
from plugins.project import PROJECT

IDLE_SECONDS = 600.0
ANSWER_SECONDS = 120.0
"""For an answer; the first waits for torch and a copy of the index as well, a second a gigabyte."""

ENDING_SECONDS = 5.0


class SearchProcess:
    """`parlance search --lines` of one run."""

    def __init__(self, run: Run) -> None:
        self.key = _key(run)
        self._errors: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        command = [sys.executable, "-m", "pipeline.cli", "search", "--run", str(run.folder), "--lines"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, cwd=PROJECT
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self._next()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, query: dict[str, Any]) -> dict[str, Any]:
        """The answer. Raises UserError with what is wrong."""
        assert self._process.stdin
        with suppress(BrokenPipeError):  # it has ended, which the answer says
            self._process.stdin.write(json.dumps(query) + "\n")
            self._process.stdin.flush()
        return self._next()

    def close(self) -> None:
        """Ends the process, which takes its copy of the index away."""
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("{"):
                self._lines.put(line)
        self._lines.put(None)

    def _next(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            self.close()
            raise UserError(f"search: no answer in {ANSWER_SECONDS:.0f} s; ask again, or narrow the search") from None
        if line is None:
            self._errors.seek(0)
            said = [text for text in self._errors.read().splitlines() if text.strip()]
            raise UserError(masked(said[-1].removeprefix("error: ")) if said else "search: the search ended unasked")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise UserError(answer["error"])
        return answer


class Searches:
    """The process for the run that was searched last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: SearchProcess | None = None
        self._timer: threading.Timer | None = None

    def ask(self, run: Run, query: dict[str, Any]) -> dict[str, Any]:
        """The answer to a query of pipeline.report.search.Query. Raises UserError."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            if self._process and not (self._process.alive and self._process.key == _key(run)):
                self._close()
            if self._process is None:
                self._process = SearchProcess(run)
            try:
                return self._process.ask(query)
            finally:
                self._timer = threading.Timer(IDLE_SECONDS, self.close)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Ends the process, if there is one."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._process:
            self._process.close()
        self._process = None


def _key(run: Run) -> tuple[str, bytes]:
    """A run, and the index that it has now: erasure rewrites one in its place."""
    seal = run.store.at("index", run.fingerprint("index")).path / SEAL
    return str(run.folder), seal.read_bytes() if seal.is_file() else b""
