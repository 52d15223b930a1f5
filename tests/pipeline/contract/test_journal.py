"""A line of a journal counts when it is whole, whatever became of the others."""

from pathlib import Path

from pipeline.contract.journal import Journal


def test_what_was_appended_is_read_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "new" / "journal")
    assert journal.read() == []
    journal.append([1, {"two": "zwei\nlines"}])
    journal.append([])
    journal.append([["ü"]])
    assert Journal(journal.path).read() == [1, {"two": "zwei\nlines"}, ["ü"]]


def test_what_a_killed_writer_left_of_a_line_costs_no_other(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append(["first", "second"])
    journal.path.write_bytes(journal.path.read_bytes()[:-5])
    journal.append(["third"])
    assert (journal.read(), journal.damaged()) == (["first", "third"], 1)


def test_every_flipped_bit_costs_its_line_and_no_other(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append(["first", "second", "third"])
    content = journal.path.read_bytes()
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        journal.path.write_bytes(flipped)
        read = journal.read()
        assert len(read) >= 1
        assert read == [value for value in ("first", "second", "third") if value in read]
        assert journal.damaged() >= 1


def test_it_can_be_written_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append(range(9))
    journal.rewrite([7, 8])
    assert journal.read() == [7, 8]
