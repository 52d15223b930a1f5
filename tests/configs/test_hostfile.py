"""A hostfile says how many ranks each machine runs, or what is wrong with it."""

from pathlib import Path

import pytest

from configs.errors import UserError
from configs.hostfile import hosts, ranks_a_machine, world_size
from configs.train import Launch


def written(folder: Path, text: str) -> Path:
    path = folder / "hosts"
    path.write_text(text)
    return path


@pytest.mark.parametrize("ranks", [1, 2, 8])
def test_the_slots_count_and_not_launch_ranks(tmp_path: Path, ranks: int) -> None:
    path = written(tmp_path, "# two machines\none slots=8\ntwo slots=4  # an older one\n\n")
    launch = Launch(ranks=ranks, hostfile=str(path))
    assert hosts(path) == {"one": 8, "two": 4}
    assert (world_size(launch), ranks_a_machine(launch)) == (12, 8)


def test_without_a_hostfile_launch_ranks_counts() -> None:
    assert world_size(Launch(ranks=3)) == 3


def test_lines_of_open_mpi_and_mpich_are_read(tmp_path: Path) -> None:
    text = "one slots=4 max_slots=8\nme@two.example.org slots=2 max-slots=2\nthree:6\n10.0.0.4   slots=1\n"
    found = {"one": 4, "me@two.example.org": 2, "three": 6, "10.0.0.4": 1}
    assert hosts(written(tmp_path, text)) == found


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("two 4", "is not of the form HOST slots=N"),
        ("-oProxyCommand=x slots=4", "is not of the form HOST slots=N"),
        ("two", "does not say how many ranks its host runs"),
        ("two slots=0", "does not say how many ranks its host runs"),
        ("two slots=many", "does not say how many ranks its host runs"),
        ("two slots=4 max_slots=2", "has more slots than max_slots"),
        ("two slots=4 rack=7", "has a word besides slots and max_slots"),
        ("one slots=4", "names a host that a line above names"),
    ],
)
def test_a_line_that_says_less_is_refused_by_its_number(tmp_path: Path, line: str, wrong: str) -> None:
    path = written(tmp_path, f"one slots=8\n\n{line}\n")
    with pytest.raises(UserError, match=rf"^launch\.hostfile: {path}, line 3 {wrong}"):
        hosts(path)


@pytest.mark.parametrize("text", ["", "# nobody\n"])
def test_a_hostfile_without_a_host_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="names no host"):
        hosts(written(tmp_path, text))


def test_a_file_that_is_no_hostfile_is_not_quoted(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        hosts(written(tmp_path, "password: hunter2\n"))
    assert "hunter2" not in str(refused.value)
