"""Conversations cut into segments that a sentence encoder can read. Pure functions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


class TurnTokens(NamedTuple):
    """The word pieces of one turn, and the character at which each starts."""

    ids: list[int]
    starts: list[int]


@dataclass(frozen=True)
class Segment:
    """Whole turns, or a piece of one long turn.

    first_char: the character of the first turn at which the segment starts (0 unless that turn was cut).
    ids: word pieces without the special tokens.
    """

    first_turn: int
    last_turn: int
    first_char: int
    ids: list[int]

    def text(self, turns: list[str], limit: int) -> str:
        """The segment's first `limit` characters; turns are joined by a line break."""
        first, *rest = turns[self.first_turn : self.last_turn + 1]
        return "\n".join([first[self.first_char :], *rest])[:limit]


def segments(turns: list[TurnTokens], room: int, most: int) -> list[Segment]:
    """At least one and at most `most` segments of at most `room` word pieces.

    Turns are grouped whole until the next one would not fit; a turn longer than `room` is cut. Of
    more segments than `most`, those nearest to evenly spaced centres stay: a conversation's greeting
    says little about it.
    """
    found = list(_grouped(turns, room))
    if len(found) <= most:
        return found
    return [found[(2 * i + 1) * len(found) // (2 * most)] for i in range(most)]


def _grouped(turns: list[TurnTokens], room: int) -> Iterator[Segment]:
    first, ids = 0, list[int]()
    for number, turn in enumerate(turns):
        if len(ids) + len(turn.ids) <= room:
            ids = ids + turn.ids
            continue
        if ids:
            yield Segment(first, number - 1, 0, ids)
        first, ids = number, turn.ids
        if len(turn.ids) > room:
            for at in range(0, len(turn.ids), room):
                yield Segment(number, number, turn.starts[at], turn.ids[at : at + room])
            first, ids = number + 1, []
    if ids or first < len(turns):
        yield Segment(first, len(turns) - 1, 0, ids)
