"""Which turns of the assistant are context and not learned: their numbers stand in the row's metadata."""

from collections.abc import Iterable

NOT_LEARNED = "not_learned"


def not_learned(metadata: Iterable[tuple[str, str | None]] | None) -> set[int]:
    """Numbers of the turns, from 0, that the loss leaves out."""
    named = dict(metadata or ()).get(NOT_LEARNED)
    return {int(number) for number in named.split(",")} if named else set()
