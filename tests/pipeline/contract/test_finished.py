"""What an earlier attempt finished is taken over only as it was finished."""

from pathlib import Path

import pytest

from pipeline.contract.finished import Finished


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """A file that was finished, and one beside it that was not."""
    for name in ("shard", "other"):
        (tmp_path / name).write_text("as it was")
    Finished(tmp_path / "journal", tmp_path).add(tmp_path / "shard")
    return tmp_path / "shard"


def again(shard: Path) -> Finished:
    return Finished(shard.with_name("journal"), shard.parent)


def test_a_finished_file_is_taken_over(shard: Path) -> None:
    assert again(shard).has(shard)


def test_a_damaged_one_is_named_and_deleted(shard: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard.write_text("as it is.")
    assert not again(shard).has(shard)
    assert not shard.exists()
    assert capsys.readouterr().out == f"{shard}: is not what an earlier attempt finished; it is made again\n"


def test_so_is_one_that_nobody_finished(shard: Path) -> None:
    assert not again(shard).has(shard.with_name("other"))
    assert not shard.with_name("other").exists()


def test_one_that_is_not_there_is_not_worth_a_word(shard: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not again(shard).has(shard.with_name("further"))
    assert capsys.readouterr().out == ""


def test_a_journal_that_was_lost_costs_the_work(shard: Path) -> None:
    shard.with_name("journal").unlink()
    assert not again(shard).has(shard)
