"""A corpus is cut where its content says, so that what changes in one place leaves the others as they are."""

import random
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.acquire.slices import LEAST_BYTES, MOST_SLICES, File, Slice, groups, slice_bytes
from pipeline.rows.bans import Bans


def file(name: str, size: int, content: str = "") -> File:
    return File(name, Path(name), f"{name}{content}", size)


def corpus(count: int, size: int) -> list[File]:
    draw = random.Random(count)
    return [file(f"{number:05d}", draw.randrange(size)) for number in range(count)]


def test_ten_thousand_small_files_are_some_hundred_slices() -> None:
    files = corpus(10_000, 20_000)
    found = list(groups(files, slice_bytes(sum(f.size for f in files))))
    assert [f for group in found for f in group] == files
    assert 50 < len(found) < 200


def test_a_large_file_is_a_slice_of_its_own() -> None:
    files = [file("a", 10), file("b", LEAST_BYTES), file("c", 10)]
    assert list(groups(files, LEAST_BYTES)) == [(files[0],), (files[1],), (files[2],)]


@pytest.mark.parametrize("place", [0, 1, 4_000, 9_999])
@pytest.mark.parametrize("change", ["added", "removed", "other"])
def test_a_change_is_in_the_slices_next_to_it_and_in_no_other(place: int, change: str) -> None:
    files = corpus(10_000, 20_000)
    after = list(files)
    if change == "added":
        after.insert(place, file(f"{place:05d}-new", 5_000))
    elif change == "removed":
        del after[place]
    else:
        after[place] = file(files[place].name, 5_000, "other")
    before, now = set(groups(files, LEAST_BYTES)), set(groups(after, LEAST_BYTES))
    assert len(now - before) <= 2
    assert len(before - now) <= 2


def test_a_file_more_leaves_the_size_of_slices_and_so_the_others_as_they_are() -> None:
    week, total, sizes = 1 << 30, 0, []
    for _ in range(520):
        total += week
        sizes.append(slice_bytes(total))
    changes = sum(a != b for a, b in pairwise(sizes))
    assert changes < 10, "once each time that the corpus doubles"
    assert total / sizes[-1] <= MOST_SLICES


def test_borders_of_larger_slices_are_borders_of_smaller_ones() -> None:
    files = corpus(3_000, 20_000)
    ends = [{group[-1] for group in groups(files, size)} for size in (LEAST_BYTES, 2 * LEAST_BYTES)]
    assert ends[1] <= ends[0]


def test_only_a_slice_that_somebody_was_erased_from_is_another_part_then() -> None:
    hers, others = Slice("s", (file("hers", 10), file("more", 10))), Slice("s", (file("others", 10),))
    erased = Bans().adding("ann", [], [hers.files[0].digest])
    assert others.inputs(erased) == others.inputs(Bans())
    assert hers.inputs(erased) != hers.inputs(Bans())
    assert hers.inputs(erased.adding("bob", [], [hers.files[0].digest])) != hers.inputs(erased)
