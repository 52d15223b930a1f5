"""Marks are kept whoever writes at the same time, and count where they belong."""

import multiprocessing
from dataclasses import replace
from pathlib import Path

from configs.review import Approval
from pipeline.review.marks import Mark, append, journal, read, standing

MARK = Mark("row 1", "kept", "deduplicate", "f" * 64, "ann", "2026-11-28T17:00:00+00:00", True)
HERE = {"deduplicate": "f" * 64}
ANYBODY = Approval()


def many(root: Path, by: str) -> None:
    for number in range(200):
        append(root, replace(MARK, by=by, row=f"row {number}", note="x" * number))


def test_two_reviewers_who_mark_at_once_lose_no_mark(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=many, args=(tmp_path, by)) for by in ("ann", "bob")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert sorted((m.by, m.row) for m in read(tmp_path)) == sorted(
        (by, f"row {n}") for by in ("ann", "bob") for n in range(200)
    )
    assert journal(tmp_path).damaged() == 0


def test_a_mark_is_only_added_and_a_reviewers_last_one_on_a_row_counts(tmp_path):
    marks = [MARK, replace(MARK, right=False), replace(MARK, by="bob"), replace(MARK, row="row 2")]
    for mark in marks:
        append(tmp_path, mark)
    assert read(tmp_path) == marks
    assert [(m.by, m.row, m.right) for m in standing(read(tmp_path), HERE, ANYBODY)] == [
        ("ann", "row 1", False),
        ("bob", "row 1", True),
        ("ann", "row 2", True),
    ]


def test_a_mark_that_was_taken_back_does_not_count():
    assert standing([MARK, replace(MARK, right=None)], HERE, ANYBODY) == []


def test_a_mark_counts_for_the_artifact_that_it_was_made_on_and_no_other():
    assert standing([MARK], HERE, ANYBODY) == [MARK]
    assert standing([MARK], {"deduplicate": "0" * 64}, ANYBODY) == []


def test_a_mark_by_someone_whom_the_profile_does_not_name_does_not_count():
    assert standing([MARK, replace(MARK, by="eve")], HERE, Approval(approvers=["ann"])) == [MARK]


def test_a_line_that_was_cut_short_costs_no_other_mark(tmp_path):
    append(tmp_path, MARK)
    whole = journal(tmp_path).path.read_bytes()
    journal(tmp_path).path.write_bytes(whole + whole[:40])
    append(tmp_path, replace(MARK, by="bob"))
    assert [mark.by for mark in read(tmp_path)] == ["ann", "bob"]
