"""The corpus of the benchmark: real rows as they are, then edited copies, the same at every call."""

from itertools import islice

from benchmarks.corpus import edited

REAL = [
    (f"where can I buy ticket number {i} for the tram?", f"at the counter in hall {i}, it opens early")
    for i in range(50)
]


def words(exchange: tuple[str, str]) -> list[str]:
    return " ".join(exchange).split()


def test_copies_are_the_same_at_every_call() -> None:
    assert list(islice(edited(REAL), 200)) == list(islice(edited(REAL), 200))


def test_every_copy_is_edited_and_most_are_no_near_duplicates_of_their_row() -> None:
    shares = []
    for row, copy in zip(REAL * 20, edited(REAL), strict=False):
        assert len(words(row)) == len(words(copy))
        kept = sum(a == b for a, b in zip(words(row), words(copy), strict=True))
        shares.append(kept / len(words(row)))
    assert 0.55 < sum(shares) / len(shares) < 0.75
    assert 0.02 < sum(share > 0.9 for share in shares) / len(shares) < 0.12
