"""A preference pair in tokens: one prompt, the reply that is learned, and what gives way when a sequence is short."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.contract.chat_format import ChatFormat
from pipeline.contract.chat_template import BEGIN
from pipeline.rows.schema import PAIRS
from pipeline.tokenise.pairs import pair_facts, tokenise_pairs
from pipeline.tokenise.tokenised_file import SPLITS, Job
from pipeline.tokenise.tokenizer import train_tokenizer

WORDS = "one two three four five six seven eight nine ten eleven twelve"
TOKENIZER: Any = train_tokenizer([f"{WORDS} be brief system user assistant"] * 50, 400)
Row = dict[str, Any]


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def pair(prompt: list[dict[str, str]], chosen: str, rejected: str, name: str = "a", split: str = "train") -> Row:
    sides = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    return {"row_id": name, "pair_id": name, "source": "made", **sides, "split": split}


@pytest.fixture
def tokenised(tmp_path: Path) -> Any:
    """tokenised(rows, length): split to the pairs that are written, and the metrics."""

    def make(rows: list[Row], length: int) -> tuple[dict[str, list[Row]], dict[str, Any]]:
        schema = PAIRS.append(pa.field("split", pa.string()))
        pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "part.parquet")
        for split in SPLITS:
            (tmp_path / "pairs" / split).mkdir(parents=True, exist_ok=True)
        counts = tokenise_pairs(Job([tmp_path / "part.parquet"], tmp_path, ChatFormat.of(TOKENIZER), 0, length), 0)
        return {split: pq.read_table(tmp_path / "pairs" / split).to_pylist() for split in SPLITS}, pair_facts(counts)

    return make


def learned(row: Row, side: str) -> str:
    ids = [token for token, counts in zip(row[side], row[f"{side}_learned"], strict=True) if counts]
    return TOKENIZER.decode(ids)


def test_both_sides_are_whole_conversations_of_which_the_last_reply_is_learned(tokenised: Any) -> None:
    prompt = [turn("user", "one two"), turn("assistant", "three"), turn("user", "four")]
    found, metrics = tokenised([pair(prompt, "five six", "seven"), pair(prompt, "six", "ten", "b", "test")], 128)
    (row,) = found["train"]
    for side, reply in (("chosen", "five six"), ("rejected", "seven")):
        whole = [*prompt, turn("assistant", reply)]
        assert TOKENIZER.decode(row[side]) == TOKENIZER.apply_chat_template(whole, tokenize=False)
        assert learned(row, side) == f"{reply}<|eot_id|>"
    assert [(split, [r["row_id"] for r in rows]) for split, rows in found.items()] == [
        ("train", ["a"]),
        ("validation", []),
        ("test", ["b"]),
    ]
    assert metrics["pairs"]["train"] == {
        "rows": 1,
        "tokens": len(row["chosen"]) + len(row["rejected"]),
        "learned_tokens": sum(row["chosen_learned"]) + sum(row["rejected_learned"]),
    }
    assert metrics["pairs"]["validation"] == {"rows": 0, "tokens": 0, "learned_tokens": 0}
    assert metrics["pairs_cut"] == {"prompts_shortened": 0, "replies_shortened": 0, "cut_alike": 0, "refused": 0}


def test_a_prompt_that_is_too_long_beside_the_longer_reply_loses_its_start_on_both_sides(tokenised: Any) -> None:
    brief, last = turn("system", "be brief"), turn("user", "two three")
    prompt = [brief, turn("user", f"{WORDS} {WORDS}"), turn("assistant", "one"), last]
    found, metrics = tokenised([pair(prompt, "four five six seven eight", "nine")], 60)
    (row,) = found["train"]
    assert max(len(row["chosen"]), len(row["rejected"])) <= 60
    context = row["chosen_learned"].index(True)
    assert row["chosen"][:context] == row["rejected"][:context]
    kept = TOKENIZER.decode(row["chosen"][:context])
    assert kept.startswith(TOKENIZER.apply_chat_template([brief], tokenize=False))
    assert kept.endswith(
        TOKENIZER.apply_chat_template([last], tokenize=False, add_generation_prompt=True).removeprefix(BEGIN)
    )
    assert WORDS not in kept
    replies = (learned(row, "chosen"), learned(row, "rejected"))
    assert replies == ("four five six seven eight<|eot_id|>", "nine<|eot_id|>")
    assert metrics["pairs_cut"] == {"prompts_shortened": 1, "replies_shortened": 0, "cut_alike": 0, "refused": 0}


def test_a_reply_gives_way_last_and_then_from_its_end(tokenised: Any) -> None:
    found, metrics = tokenised([pair([turn("user", "one two")], f"{WORDS} {WORDS}", "nine")], 24)
    (row,) = found["train"]
    assert len(row["chosen"]) == 24
    assert f"{WORDS} {WORDS}".startswith(learned(row, "chosen"))
    assert learned(row, "rejected") == "nine<|eot_id|>"
    assert metrics["pairs_cut"]["replies_shortened"] == 1


def test_sides_that_differ_only_beyond_the_sequence_are_no_pair(tokenised: Any) -> None:
    found, metrics = tokenised([pair([turn("user", "one")], f"{WORDS} {WORDS} nine", f"{WORDS} {WORDS} ten")], 24)
    assert found == {split: [] for split in SPLITS}
    assert metrics["pairs_cut"] == {"prompts_shortened": 0, "replies_shortened": 0, "cut_alike": 1, "refused": 0}
