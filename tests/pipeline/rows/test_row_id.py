"""A row's name follows from where it was read and what it says, and from nothing else."""

import hashlib
from typing import Any

import pytest

from pipeline.contract.fingerprint import canonical_json
from pipeline.rows.row_id import row_id

ROW: dict[str, Any] = {
    "source": "club",
    "file": "deep/chat.jsonl",
    "ordinal": 7,
    "messages": [("user", 'Say "hi"'), ("assistant", "Grüß\tdich\n😀")],
}


def test_it_is_the_hash_of_origin_and_content_as_canonical_json() -> None:
    text = canonical_json([ROW["source"], ROW["file"], ROW["ordinal"], [list(turn) for turn in ROW["messages"]]])
    assert row_id(**ROW) == hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    assert row_id(**{**ROW, "messages": iter(ROW["messages"])}) == row_id(**ROW)


@pytest.mark.parametrize(
    "other",
    [
        {"source": "press"},
        {"file": "chat.jsonl"},
        {"ordinal": 8},
        {"messages": ROW["messages"][:1]},
        {"messages": ROW["messages"][::-1]},
        {"messages": [("system", 'Say "hi"'), ROW["messages"][1]]},
    ],
)
def test_equal_conversations_of_another_origin_and_others_of_the_same_are_other_rows(other: dict[str, Any]) -> None:
    assert row_id(**{**ROW, **other}) != row_id(**ROW)


def test_text_cannot_pass_for_structure() -> None:
    one = row_id("a", "b", 1, [("user", 'x"],["assistant","y')])
    assert one != row_id("a", "b", 1, [("user", "x"), ("assistant", "y")])


def test_half_a_character_has_a_name_too() -> None:
    assert len(row_id("a", "b", 1, [("user", "\ud83d")])) == 32
