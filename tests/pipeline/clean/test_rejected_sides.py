"""Nothing that is masked in a conversation stays in the reply that was rejected for it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.clean import Pii, Text, Translation
from pipeline.clean.rejected_sides import masked_sides
from pipeline.clean.score import preparation_of
from pipeline.clean.scores.conversations import Preparation
from pipeline.rows.schema import CONVERSATIONS, REJECTED
from pipeline.rows.turns import turns_of

ASKED = ("user", "I am ann@x.org or 415-555-0132. Which is “better”?")


@pytest.fixture
def prepared() -> Preparation:
    return preparation_of(Text(), Pii(), Translation())


def conversations(folder: Path) -> list[str]:
    """Two files of conversations, in order of row id."""
    rows = [
        {
            "row_id": f"{number:032x}",
            "messages": [{"role": r, "content": c} for r, c in (ASKED, ("assistant", "Both."))],
        }
        for number in range(8)
    ]
    for part in (0, 1):
        table = pa.Table.from_pylist(rows[4 * part : 4 * part + 4], CONVERSATIONS)
        pq.write_table(table, folder / f"part-0000{part}.parquet")
    return sorted(map(str, folder.glob("*.parquet")))


def side(number: int, shared: int, *turns: tuple[str, str]) -> dict:
    said = [{"role": role, "content": content} for role, content in turns]
    return {"row_id": f"{number:032x}", "source": "s", "shared": shared, "messages": said}


def test_a_worse_side_is_masked_under_the_prompt_that_it_shares(tmp_path: Path, prepared: Preparation) -> None:
    sides = [
        side(1, 1, ("assistant", "Neither ann@x.org nor bob@y.org.")),
        side(6, 0, ("user", "Call 212-555-0199"), ("assistant", "No.  “Never”!!!!!!")),
    ]
    table = pa.Table.from_pylist(sides, REJECTED)
    found = masked_sides(table, conversations(tmp_path), prepared)
    assert found.schema == REJECTED
    assert turns_of(found["messages"]) == [
        [("assistant", "Neither <EMAIL_1> nor <EMAIL_2>.")],
        [("user", "Call <PHONE_1>"), ("assistant", 'No. "Never"!!!')],
    ]
    assert found.drop(["messages"]).equals(table.drop(["messages"]))


def test_no_sides_are_no_trouble(tmp_path: Path, prepared: Preparation) -> None:
    table = pa.Table.from_pylist([], REJECTED)
    assert masked_sides(table, conversations(tmp_path), prepared).equals(table)
