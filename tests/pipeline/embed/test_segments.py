"""Conversations are cut between turns, and a long turn is cut inside."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.embed.segments import TurnTokens, segments


def turns(*lengths: int) -> list[TurnTokens]:
    """Turns of so many word pieces; every piece is its own number, and three characters wide."""
    found, start = [], 0
    for length in lengths:
        found.append(TurnTokens(list(range(start, start + length)), [3 * i for i in range(length)]))
        start += length
    return found


def spans(*lengths: int, room: int, most: int = 100) -> list[tuple[int, int, int]]:
    return [(s.first_turn, s.last_turn, len(s.ids)) for s in segments(turns(*lengths), room, most)]


def test_whole_turns_are_grouped_until_the_next_does_not_fit():
    assert spans(4, 4, 4, 4, room=10) == [(0, 1, 8), (2, 3, 8)]


def test_a_long_turn_is_cut_and_says_where_each_piece_starts():
    found = segments(turns(2, 25, 3), room=10, most=100)
    assert [(s.first_turn, s.last_turn, s.first_char) for s in found] == [
        (0, 0, 0),
        (1, 1, 0),
        (1, 1, 30),
        (1, 1, 60),
        (2, 2, 0),
    ]


def test_of_too_many_segments_the_evenly_spaced_stay():
    assert [s[0] for s in spans(*[10] * 9, room=10, most=3)] == [1, 4, 7]
    assert [s[0] for s in spans(*[10] * 9, room=10, most=1)] == [4]


def test_an_empty_conversation_still_has_a_segment():
    assert spans(0, 0, room=10) == [(0, 1, 0)]


def test_the_text_of_a_piece_starts_where_the_piece_does():
    piece = segments(turns(4, 8), room=6, most=100)[2]
    assert piece.text(["abcdefghijkl", "ABCDEFGHIJKLMNOPQRSTUVWX"], 4) == "STUV"


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.integers(1, 20))
def test_without_a_limit_every_word_piece_is_in_exactly_one_segment(lengths: list[int], room: int):
    found = segments(turns(*lengths), room, most=10_000)
    assert [i for s in found for i in s.ids] == list(range(sum(lengths)))
    assert all(len(s.ids) <= room for s in found)
    assert all(s.first_turn <= s.last_turn < len(lengths) for s in found)
