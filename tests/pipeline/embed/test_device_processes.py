"""Several devices leave what one does, also when one of their processes is killed."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import pipeline.embed.embed as stage
from configs.embed import Embed, Embedding
from configs.errors import EndedError, UserError
from pipeline.contract.execute import execute
from pipeline.contract.parts import Part
from pipeline.embed.device_processes import AT_A_TIME, DeviceProcesses, Wanted, _Waiting
from pipeline.embed.encoder import devices_of
from pipeline.embed.shards import ShardedFile

WAITS_SECONDS = 120.0
TWO = ["cpu", "cpu"]


def meet(folder: Path) -> None:
    """Returns when two processes have called it, so that neither has done all before the other began."""
    (folder / f"{os.getpid()}.process").touch()
    deadline = time.monotonic() + WAITS_SECONDS
    while len(list(folder.glob("*.process"))) < 2:
        assert time.monotonic() < deadline, "the other process did not come"
        time.sleep(0.01)


def first_to_call_it(folder: Path, name: str) -> bool:
    try:
        (folder / name).open("x").close()
    except FileExistsError:
        return False
    return True


@dataclass(frozen=True)
class Met(stage._PartWriter):
    """Writes when two processes have something to write."""

    folder: Path

    def __call__(self, part: Part, table: pa.Table) -> None:
        meet(self.folder)
        super().__call__(part, table)


@dataclass(frozen=True)
class Killed(Met):
    """The process that is the first to write when one has written three shards is killed in the midst of a file."""

    def __call__(self, part: Part, table: pa.Table) -> None:
        meet(self.folder)
        if len(list(self.folder.glob("*.shard"))) >= 3 and first_to_call_it(self.folder, "killed"):
            with self.store.making(part) as made:
                (made.folder / "data.parquet").write_bytes(b"PAR1 and no more")
                os.kill(os.getpid(), signal.SIGKILL)
        super().__call__(part, table)
        (self.folder / f"{part.fingerprint}.shard").touch()


@dataclass(frozen=True)
class Failing:
    """Raises an error of the system for some shards, or kills the process."""

    folder: Path
    shards: tuple[int, ...]
    kills: bool = False
    number: int = errno.EIO

    def __call__(self, shard: int, table: pa.Table) -> None:
        meet(self.folder)
        if shard in self.shards and self.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        if shard in self.shards:
            raise OSError(self.number, os.strerror(self.number))
        pq.write_table(table, self.folder / f"{shard}.parquet")


@pytest.fixture
def through_stage(begin, deduplicated, talk, monkeypatch, tmp_path) -> Callable[..., tuple]:
    """The run and embed's artifact of 120 conversations in two files, encoded by `devices` with such a writer."""
    rows = [talk(f"Is {n} a prime number?", f"I would have to try all divisors up to {n // 2}.") for n in range(120)]

    def made(name: str, devices: list[str], writer: type[Met] | None = None) -> tuple:
        run = begin("embed.shard_rows=4", name=name)
        deduplicated(run, rows)
        monkeypatch.setattr(stage, "devices_of", lambda _: devices)
        if writer:
            (tmp_path / f"{name}-met").mkdir()
            monkeypatch.setattr(stage, "_PartWriter", lambda store: writer(store, tmp_path / f"{name}-met"))
        return run, execute(run, "embed")[0]

    return made


def test_two_processes_leave_what_one_does_and_a_killed_one_loses_nothing(through_stage, capsys, tmp_path):
    _, one = through_stage("one", ["cpu"])
    expected = {file.name: file.read_bytes() for file in one.parquet().iterdir()}
    assert len(expected) > 30
    capsys.readouterr()
    for name, writer in (("two", Met), ("killed", Killed)):
        run, several = through_stage(name, TWO, writer)
        said = capsys.readouterr().out
        assert len(list((tmp_path / f"{name}-met").glob("*.process"))) == 2
        assert {file.name: file.read_bytes() for file in several.parquet().iterdir()} == expected
        assert (several.ledger, several.metrics) == (one.ledger, one.metrics)
        assert "embed: 120 conversations encoded" in said
        assert ("the process of cpu was killed by SIGKILL" in said) == (name == "killed")
        parts = run.root / "parts" / "embed"
        assert len(list(parts.glob("[!.]*"))) == len(expected)
        assert list(parts.glob(".*")) == []


@pytest.fixture
def wanted(talk, tmp_path) -> list[Wanted]:
    """The shards of a file of 64 conversations, four each."""
    rows = [{"row_id": f"{n << 24:08x}", "messages": talk(f"The number {n}.")["messages"]} for n in range(0, 256, 4)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "part-0.parquet")
    file = ShardedFile(tmp_path / "part-0.parquet", 4)
    return [Wanted(shard.file, shard.number, shard.table.num_rows, shard.number) for shard in file]


def encoded(wanted: list[Wanted], write: Failing) -> list[int]:
    with DeviceProcesses(TWO, Embed(shard_rows=4), Embedding(), write) as processes:
        return list(processes.encode(wanted))


@pytest.mark.parametrize("kills", [False, True])
def test_a_shard_that_two_processes_end_with_is_named(wanted, tmp_path, kills):
    why = r"was killed by SIGKILL" if kills else r"failed at part-0-00002.parquet \(\[Errno 5\] Input/output error\)"
    with pytest.raises(EndedError, match=rf"(?s){why}; the process of cpu {why}.*embedding.batch_size") as raised:
        encoded(wanted, Failing(tmp_path, (2,), kills))
    assert kills or str(raised.value).startswith(
        f"embed: the shard 2 of {tmp_path / 'part-0.parquet'} was not encoded by 2 processes"
    )


def test_when_no_process_is_left_the_first_shard_that_is_missing_is_named(wanted, tmp_path):
    every = tuple(shard.number for shard in wanted)
    with pytest.raises(EndedError, match=r"no process that encodes is left.*16 shards are not done.*run again"):
        encoded(wanted, Failing(tmp_path, every))


def test_a_full_disk_is_told_at_once_and_as_by_one_process(wanted, tmp_path):
    with pytest.raises(OSError, match="No space left") as raised:
        encoded(wanted, Failing(tmp_path, (2,), number=errno.ENOSPC))
    assert raised.value.errno == errno.ENOSPC


def test_what_the_user_can_put_right_is_told_as_it_was_raised(wanted, tmp_path):
    with (
        pytest.raises(UserError, match=f"^embed.model: {tmp_path} holds no config.json"),
        DeviceProcesses(TWO, Embed(model=str(tmp_path)), Embedding(), Failing(tmp_path, ())) as processes,
    ):
        list(processes.encode(wanted))


def test_whoever_has_a_file_open_goes_on_with_it_and_then_helps_where_most_is_left():
    waiting = _Waiting(Wanted(Path(file), n, 1, n) for file, count in (("a", 5), ("b", 9)) for n in range(count))
    taken = [waiting.take(None), waiting.take(Path("a")), waiting.take(Path("a")), waiting.take(Path("b"))]
    assert [(shards[0].file.name, len(shards)) for shards in taken] == [("b", AT_A_TIME), ("a", 4), ("a", 1), ("b", 4)]
    assert [(shard.file.name, shard.number) for shard in waiting.take(Path("a"))] == [("b", 8)]
    assert waiting.take(Path("b")) == []
    waiting.put_back(taken[2])
    assert waiting.take(Path("b")) == taken[2]


def test_all_gpus_are_used_unless_one_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [devices_of(device) for device in ("auto", "cuda", "cuda:1", "cpu")] == [
        ["cuda:0", "cuda:1"],
        ["cuda:0", "cuda:1"],
        ["cuda:1"],
        ["cpu"],
    ]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert devices_of("auto") == ["auto"]


CUTS = """
table = pa.table({"row_id": ["0"], "messages": [[{"role": "user", "content": "Hello."}]]})
processes = SegmenterProcesses(Embed(), 2)
[cut() for _, cut in processes.cut([("0", table)])]
"""
ENCODES = 'processes = DeviceProcesses(["cpu", "cpu"], Embed(), Embedding(), print)'
PARENT = """
import time, psutil, pyarrow as pa
from configs.embed import Embed, Embedding
from pipeline.embed.device_processes import DeviceProcesses
from pipeline.embed.segmenter_processes import SegmenterProcesses
if __name__ == "__main__":
    {work}
    print(*(p.pid for p in psutil.Process().children()), flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the death signal of Linux")
@pytest.mark.parametrize("work", [CUTS, ENCODES], ids=["cutting", "encoding"])
def test_processes_end_with_a_parent_that_is_killed(tmp_path, work):
    (tmp_path / "parent.py").write_text(PARENT.format(work=work.strip().replace("\n", "\n    ")))
    command = [sys.executable, str(tmp_path / "parent.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()) as process:
        assert process.stdout
        children = [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]
        process.kill()
    assert len(children) >= 2
    _, alive = psutil.wait_procs(children, timeout=60)
    for left in alive:
        left.kill()
    assert alive == []
