"""Shards encoded by several devices, each with a process of its own.

The process that has them made shares the shards out, a few at a time: whoever has room asks for more, first of the file
that it has open, then of the one of which most is left, so the faster device does more. Each process has a pipe to
itself: one that is killed holds no lock that the others need. What it was given and has not written is done by them.
"""

import errno
import multiprocessing
import signal
import sys
import threading
import traceback
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pyarrow as pa

from configs.embed import Embed, Embedding
from configs.errors import EndedError, UserError
from pipeline.contract.process_group import die_with_spawner
from pipeline.contract.progress import say
from pipeline.embed.shard_encoder import ShardEncoder, Write
from pipeline.embed.shards import ShardedFile, shard_name

AT_A_TIME = 4
"""Shards handed out at once: fewer than a GPU does in a tenth of a second, so that all end at nearly the same time."""

MOST_FAILURES = 2
"""After so many processes have ended with it, a shard is not given to another."""


@dataclass(frozen=True)
class Wanted:
    """A shard of a file that is to be encoded, of so many rows. target: what `write` is told of it."""

    file: Path
    number: int
    rows: int
    target: Any

    @property
    def name(self) -> str:
        return shard_name(self.file, self.number)


@dataclass(frozen=True)
class Done:
    """A process has written a shard."""

    name: str
    conversations: int


@dataclass(frozen=True)
class Failed:
    """Why a process ends. name: of the shard that it was at. error: what the others would meet with as well."""

    name: str | None
    reason: str
    error: Exception | None


MORE = "more"
"""What a process says that has room for further shards."""


class DeviceProcesses(AbstractContextManager["DeviceProcesses"]):
    """A process a device, started now and kept for as many shards as come.

    devices: as embedding.device says each. write: is sent to the processes, so it can be pickled.
    """

    def __init__(self, devices: list[str], settings: Embed, embedding: Embedding, write: Write) -> None:
        self._members = []
        for device in devices:
            one = embedding.model_copy(update={"device": device})
            self._members.append(_Member.start(device, (len(devices), settings, one, write)))
        self._failures: Counter[str] = Counter()
        self._ends: list[str] = []

    @property
    def warm(self) -> bool:
        """Whether each has written a shard."""
        return all(member.written for member in self._members)

    def encode(self, wanted: Iterable[Wanted]) -> Iterator[int]:
        """Has all written; yields how many conversations are. Raises EndedError when a shard was what two processes
        ended with, or no process is left; a UserError of a process, and that its disk is full, as it is."""
        waiting, done = _Waiting(wanted), 0
        for member in self._members:
            member.give(waiting)
        while waiting or any(member.given for member in self._members):
            if not self._members:
                raise self._all_gone(waiting)
            for pipe in wait([member.pipe for member in self._members]):
                member = next(m for m in self._members if m.pipe is pipe)
                message = member.heard()
                if message == MORE:
                    member.give(waiting)
                elif isinstance(message, Done):
                    member.written += 1
                    del member.given[message.name]
                    done += message.conversations
                    yield done
                elif isinstance(message, Failed):
                    member.failed = message
                else:
                    self._lose(member, waiting)

    def _lose(self, member: "_Member", waiting: "_Waiting") -> None:
        """A process has ended: the others get what it was given and has not written."""
        self._members.remove(member)
        end = member.end()
        self._ends.append(end)
        if member.failed and member.failed.error:
            raise member.failed.error
        self._failures.update([member.failed.name or ""] if member.failed else list(member.given))
        again = next((w for name, w in member.given.items() if self._failures[name] >= MOST_FAILURES), None)
        if again:
            raise EndedError(
                f"embed: the shard {again.number} of {again.file} was not encoded by {MOST_FAILURES} processes: "
                f"{self._told()}; where memory ran out, lower embedding.batch_size or end what else uses it; with "
                "embedding.device=cpu the next attempt shows what is wrong with the shard; it keeps those that are done"
            )
        waiting.put_back(member.given.values())
        say(f"embed: {end}; {len(member.given):,} shards that it was given are left to the others")
        for other in self._members:
            if other.idle:
                other.give(waiting)

    def _all_gone(self, waiting: "_Waiting") -> EndedError:
        first = waiting.first
        return EndedError(
            f"embed: no process that encodes is left: {self._told()}; {len(waiting):,} shards are not done, the first "
            f"one is {first.number} of {first.file}; free the devices or set embedding.device to another, and run "
            "again: what is done is kept"
        )

    def _told(self) -> str:
        return "; ".join(self._ends)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Ends the processes, which have nothing more to do, or have to leave what they are at."""
        for member in self._members:
            member.pipe.close()
            if kind:
                member.process.terminate()
        for member in self._members:
            member.process.join()


class _Waiting:
    """Shards that no process has."""

    def __init__(self, wanted: Iterable[Wanted]) -> None:
        self._of: dict[Path, deque[Wanted]] = defaultdict(deque)
        for shard in wanted:
            self._of[shard.file].append(shard)

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    @property
    def first(self) -> Wanted:
        return next(shards[0] for shards in self._of.values() if shards)

    def take(self, opened: Path | None) -> list[Wanted]:
        """A few of one file."""
        file = opened if opened in self._of else max(self._of, key=lambda file: len(self._of[file]), default=None)
        if file is None:
            return []
        shards = self._of[file]
        taken = [shards.popleft() for _ in range(min(AT_A_TIME, len(shards)))]
        if not shards:
            del self._of[file]
        return taken

    def put_back(self, shards: Iterable[Wanted]) -> None:
        for shard in shards:
            self._of[shard.file].appendleft(shard)


@dataclass
class _Member:
    """A process as the one that shares out sees it. given: what it has not written yet. idle: whether it was told that
    there is nothing more for it."""

    device: str
    process: BaseProcess
    pipe: Connection
    given: dict[str, Wanted] = field(default_factory=dict)
    opened: Path | None = None
    idle: bool = True
    written: int = 0
    failed: Failed | None = None

    @classmethod
    def start(cls, device: str, arguments: tuple[Any, ...]) -> "_Member":
        spawn = multiprocessing.get_context("spawn")  # CUDA does not live through a fork
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(theirs, *arguments), name=f"embed {device}")
        process.start()
        theirs.close()  # so that its end is heard here
        return cls(device, process, ours)

    def give(self, waiting: _Waiting) -> None:
        """Further shards, or the word that there are none."""
        shards = waiting.take(self.opened)
        if not shards and self.idle:
            return
        self.idle = not shards
        self.opened = shards[0].file if shards else self.opened
        self.given |= {shard.name: shard for shard in shards}
        with suppress(OSError):  # of a process that has ended, which is heard next
            self.pipe.send(shards)

    def heard(self) -> Any:
        """What it says; None: it has ended."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            return None

    def end(self) -> str:
        """How it ended, in words."""
        self.process.join()
        code = self.process.exitcode or 0
        if self.failed:
            at = f" at {self.failed.name}" if self.failed.name else ""
            return f"the process of {self.device} failed{at} ({self.failed.reason})"
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        return f"the process of {self.device} {how}"


def _serve(pipe: Connection, sharing: int, settings: Embed, embedding: Embedding, write: Write) -> None:
    """What a process does: encodes what it is given until the other end of its pipe is closed."""
    die_with_spawner()
    served = _Served(pipe, settings.shard_rows, write)
    at = None
    try:
        with ShardEncoder(settings, embedding, sharing) as encoder:
            try:
                while shards := served.given():
                    for _ in encoder.write(served.tables(shards), served.write):
                        pass
                    encoder.at = None
            finally:
                at = encoder.at
    except Exception as error:
        traceback.print_exc()
        reason = " ".join(str(error).split()) or type(error).__name__
        at = served.reading or at
        served.tell(Failed(at and at.name, reason, error if _is_everybodys(error) else None))
        sys.exit(1)


def _is_everybodys(error: Exception) -> bool:
    """Whether the user has to put something right before any process can go on."""
    return isinstance(error, UserError) or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


class _Served:
    """The end of the pipe in a process that encodes. Ends the process when the other end is closed."""

    def __init__(self, pipe: Connection, shard_rows: int, write: Write) -> None:
        self._pipe, self._shard_rows, self._write = pipe, shard_rows, write
        self._telling = threading.Lock()
        self._rows: dict[str, int] = {}
        self.reading: Wanted | None = None

    def tables(self, shards: list[Wanted]) -> Iterator[tuple[Wanted, pa.Table]]:
        """The rows of the shards that are given, from now on until there are no more."""
        opened: ShardedFile | None = None
        while shards:
            for shard in shards:
                self.reading = shard
                if opened is None or opened.file != shard.file:
                    opened = ShardedFile(shard.file, self._shard_rows)
                table = opened.shard(shard.number).table
                self._rows[shard.name] = table.num_rows
                self.reading = None
                yield shard, table
            self.tell(MORE)
            shards = self.given()

    def write(self, shard: Wanted, table: pa.Table) -> None:
        self._write(shard.target, table)
        self.tell(Done(shard.name, self._rows.pop(shard.name)))

    def given(self) -> list[Wanted]:
        try:
            shards: list[Wanted] = self._pipe.recv()
        except (EOFError, OSError):
            raise SystemExit from None
        return shards

    def tell(self, message: Done | Failed | str) -> None:
        try:
            with self._telling:
                self._pipe.send(message)
        except OSError:
            raise SystemExit from None
