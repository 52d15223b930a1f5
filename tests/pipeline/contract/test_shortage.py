"""What a machine lacked is said in one line: what, where, how much, what to do."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from configs.errors import UserError
from pipeline.contract.execute import StageContext, run_stage
from pipeline.contract.run import Run
from pipeline.contract.shortage import killed, require_space, shortage
from pipeline.contract.stage import Stage
from pipeline.contract.stages import STAGES

FULL = Path("/dev/full")
"""Linux's disk without space."""


def fills_the_disk(context: StageContext) -> None:
    (context.out / "first").write_text("x" * 5000)
    with FULL.open("w") as file:
        file.write("x")


def opens_too_many_files(context: StageContext) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        held = [(context.out / str(number)).open("w") for number in range(100)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert held


def wants_all_memory(context: StageContext) -> None:
    assert bytearray(1 << 60), context


def fails_otherwise(context: StageContext) -> None:
    raise KeyError(context.stage.name)


@pytest.mark.skipif(not FULL.exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_named_with_what_is_free_and_what_was_written(run: Run, declare: Callable[..., Stage]) -> None:
    with pytest.raises(UserError, match=r"^no space left for .*\.partial: .* of .* are free there, 5 kB were written"):
        run_stage(declare(fills_the_disk), run)


@pytest.mark.skipif(not FULL.exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize("numbers", [1, 1_000_000])
def test_a_full_disk_is_known_by_the_last_that_torch_says_of_it(tmp_path: Path, numbers: int) -> None:
    with pytest.raises(RuntimeError) as error:
        torch.save(torch.zeros(numbers), FULL)
    told = shortage(RuntimeError(str(error.value)), tmp_path)  # as a process tells another
    assert str(told).startswith(f"no space left for {tmp_path}: ")


def test_too_many_open_files_are_told_with_how_many_there_may_be(run: Run, declare: Callable[..., Stage]) -> None:
    with pytest.raises(UserError, match=r"^too many open files: a process may have [\d,]+; `ulimit -n \d+` allow"):
        run_stage(declare(opens_too_many_files), run)


def test_too_little_memory_is_told_with_how_much_there_is_and_what_to_lower(
    run: Run, declare: Callable[..., Stage]
) -> None:
    said = r"^out of memory in process \d+ \(.*\): the largest process had .*B of the machine's .*B; "
    with pytest.raises(UserError, match=said + "end what else runs here, or take a machine with more"):
        run_stage(declare(wants_all_memory), run)
    with pytest.raises(UserError, match=said + "lower embedding.batch_size, or take"):
        run_stage(declare(wants_all_memory, settings=("embedding",)), run)


def test_any_other_error_is_what_it_was(run: Run, declare: Callable[..., Stage]) -> None:
    with pytest.raises(KeyError, match="trial"):
        run_stage(declare(fails_otherwise), run)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("[enforce fail at inline_container.cc:672] . PytorchStreamWriter failed writing file", "no space left for "),
        ("Error while serializing: I/O error: No space left on device (os error 28)", "no space left for "),
        ("java.io.FileNotFoundError: /tmp/x (Too many open files)", "too many open files"),
        ("java.lang.OutOfMemoryError: Java heap space\n\tat java.base", "out of memory in process"),
        ("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79 GiB", "out of memory in pr"),
        ("Answer from Java side is empty", "a process of Spark's has ended"),
    ],
)
def test_libraries_have_words_of_their_own_for_it(tmp_path: Path, words: str, said: str) -> None:
    error = RuntimeError("the stage failed")
    error.__cause__ = RuntimeError(words)
    assert str(shortage(error, tmp_path)).startswith(said)
    assert "\n" not in str(shortage(error, tmp_path))


def test_a_process_that_was_killed_is_told_with_what_to_lower() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    status = subprocess.run([sys.executable, "-c", code], check=False).returncode
    for said in (status, 137, 247):
        text = killed("train: a rank", said, [STAGES["train"]])
        assert text.startswith("train: a rank was killed (signal 9), as the kernel does when memory runs out: the larg")
        assert "lower launch.micro_batch or launch.ranks" in text
    assert killed("train: a rank", 1, [STAGES["train"]]) == ""


def test_what_is_missing_is_known_before_it_is_written(tmp_path: Path) -> None:
    require_space(tmp_path, 1, "a checkpoint", "")
    with pytest.raises(UserError, match=r"a checkpoint takes 1,000,000 TB, .* are free, .* are missing; free as much"):
        require_space(tmp_path, 10**18, "a checkpoint", "free as much")
