"""The stage tokenise, from conversations with splits to packed sequences."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import AutoTokenizer

from configs.errors import UserError
from pipeline.contract.artifact import Artifact, Ledger
from pipeline.contract.chat_format import ChatFormat
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from pipeline.rows.schema import PAIRS
from pipeline.tokenise.lineage import packed
from pipeline.tokenise.tokenised_file import Job, tokenise_file
from pipeline.tokenise.tokenizer import train_tokenizer
from tests.artifacts import commit

SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("source", pa.string()),
        ("origin", pa.struct([("file", pa.string()), ("ordinal", pa.int64())])),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("metadata", pa.map_(pa.string(), pa.string())),
        ("split", pa.string()),
    ]
)


def conversation(number: int) -> dict:
    turns = [("user", f"How are you on day {number}?"), ("assistant", f"I am {'very ' * (number % 5)}well.")]
    if number == 7:
        turns = turns[:1]
    return {
        "row_id": f"{number:032x}",
        "source": "test",
        "origin": {"file": "made by hand", "ordinal": number},
        "messages": [{"role": role, "content": content} for role, content in turns],
        "split": "test" if number % 10 == 0 else "validation" if number % 10 == 1 else "train",
    }


def put_balance(run: Run, rows: list[dict], pairs: list[dict]) -> None:
    """Commits rows, and pairs beside them, as the artifact that tokenise reads, in two files each."""
    if run.find("embed") is None:
        commit(run, "embed", 0)
    print_ = run.fingerprint("balance")
    with run.store.building("balance", print_, resume=False) as partial:
        (partial / "data").mkdir()
        for number in (0, 1):
            table = pa.Table.from_pylist(rows[number::2], SCHEMA)
            pq.write_table(table, partial / "data" / f"part-{number:05d}.parquet")
            if pairs:
                (partial / "pairs").mkdir(exist_ok=True)
                table = pa.Table.from_pylist(pairs[number::2], PAIRS.append(pa.field("split", pa.string())))
                pq.write_table(table, partial / "pairs" / f"part-{number:05d}.parquet")
        manifest = {"stage": "balance", "version": "1", "fingerprint": print_, "inputs": {}, "config": {}}
        run.store.commit(partial, manifest | {"ledger": Ledger(len(rows), len(rows)), "metrics": {}})


def tokenised(run: Run, rows: list[dict], pairs: list[dict] | None = None) -> Artifact:
    put_balance(run, rows, pairs or [])
    (artifact,) = execute(run, "tokenise")
    return artifact


OVERRIDES = ["tokenise.vocabulary=512", "tokenise.sequence_length=64"]


def test_conversations_become_packed_sequences(make_run: Callable[..., Run]) -> None:
    run = make_run(conversations=[], overrides=OVERRIDES)
    artifact = tokenised(run, [conversation(n) for n in range(60)])

    assert artifact.ledger == Ledger(60, 59, {}, {"no_reply": 1})
    (dropped,) = artifact.read("dropped").to_table().to_pylist()
    assert (dropped["row_id"], dropped["rule"]) == (f"{7:032x}", "no_reply")

    tokenizer: Any = AutoTokenizer.from_pretrained(artifact.path / "tokenizer")
    rows = artifact.read("packed/validation").to_table().to_pylist()
    assert {row_id for row in rows for row_id in row["row_ids"]} == {f"{n:032x}" for n in range(1, 60, 10)}
    for row in rows:
        assert {len(row[name]) for name in ("input_ids", "labels", "position_ids", "document_ids")} == {64}
        first = [t for t, d in zip(row["input_ids"], row["document_ids"], strict=True) if d == 0]
        number = int(row["row_ids"][0], 16)
        assert tokenizer.decode(first) == tokenizer.apply_chat_template(
            conversation(number)["messages"], tokenize=False
        )
        learned = [t for t in row["labels"] if t != -100]
        assert tokenizer.decode(learned).startswith(conversation(number)["messages"][1]["content"] + "<|eot_id|>")

    facts = artifact.metrics["splits"]["validation"]
    assert (facts["rows"], facts["sequences"]) == (6, len(rows))
    assert facts["tokens"] == sum(d >= 0 for row in rows for d in row["document_ids"])
    assert facts["learned_tokens"] == sum(label != -100 for row in rows for label in row["labels"])
    replies = [conversation(n)["messages"][1]["content"] for n in range(1, 60, 10)]
    assert facts["learned_bytes"] == sum(len(reply) for reply in replies)


def test_preference_pairs_are_tokenised_beside_the_conversations_when_there_are_any(
    make_run: Callable[..., Run], tmp_path: Path
) -> None:
    rows = [conversation(n) for n in range(60)]
    pairs = [
        {**row, "pair_id": row["row_id"], "prompt": row["messages"][:1], "chosen": "I am well.", "rejected": "Guess."}
        for row in rows
    ]
    without = tokenised(make_run(conversations=[], overrides=OVERRIDES), rows)
    assert not (without.path / "pairs").exists()
    assert "pairs" not in without.metrics
    run = make_run(conversations=[], overrides=[*OVERRIDES, f"storage.root={tmp_path / 'with'}"])
    artifact = tokenised(run, rows, pairs)
    assert artifact.ledger == without.ledger
    for split, fact in artifact.metrics["pairs"].items():
        found = artifact.read(f"pairs/{split}").to_table().to_pylist()
        assert sorted(row["row_id"] for row in found) == [row["row_id"] for row in rows if row["split"] == split]
        assert fact["rows"] == len(found)
        assert f"the chosen side of 1 preference pair of {split}" in list(packed(run, found[0]["row_id"]))
        assert fact["tokens"] == sum(len(row["chosen"]) + len(row["rejected"]) for row in found)


def test_a_turn_that_the_metadata_names_is_context_only(tmp_path: Path) -> None:
    turns = [("user", "7 times 8?"), ("assistant", "fifty-four"), ("user", "no"), ("assistant", "fifty-six")]
    row = conversation(2) | {
        "messages": [{"role": role, "content": content} for role, content in turns],
        "metadata": [("not_learned", "1"), ("topic", "sums")],
    }
    pq.write_table(pa.Table.from_pylist([row], SCHEMA), tmp_path / "part.parquet")
    tokenizer = train_tokenizer([content for _, content in turns], 512)
    for folder in ("packed/train", "packed/validation", "packed/test", "dropped"):
        (tmp_path / folder).mkdir(parents=True)
    job = Job([tmp_path / "part.parquet"], tmp_path, ChatFormat.of(tokenizer), 0, 128)
    assert tokenise_file(job, 0)["train.rows"] == 1
    (packed,) = pq.read_table(tmp_path / "packed" / "train").to_pylist()
    assert tokenizer.decode([label for label in packed["labels"] if label >= 0]) == "fifty-six<|eot_id|>"
    assert "fifty-four" in tokenizer.decode(packed["input_ids"])


def test_sources_with_weights_share_no_sequence_and_each_sequence_names_its_own(tmp_path: Path) -> None:
    rows = [conversation(n) | {"source": ("forum", "chats", "chats")[n % 3]} for n in range(60)]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), tmp_path / "part.parquet")
    tokenizer = train_tokenizer([m["content"] for row in rows for m in row["messages"]], 512)
    form = ChatFormat.of(tokenizer)
    counted = []
    for folder, apart in (("together", []), ("apart", ["chats", "forum"])):
        for name in ("packed/train", "packed/validation", "packed/test", "dropped"):
            (tmp_path / folder / name).mkdir(parents=True)
        counted.append(tokenise_file(Job([tmp_path / "part.parquet"], tmp_path / folder, form, 0, 128, apart), 0))
    same = ("rows_in", "rows_out", "no_reply", "train.rows", "train.tokens", "train.learned_tokens")
    assert {name: counted[0][name] for name in same} == {name: counted[1][name] for name in same}
    together, packed = (pq.read_table(tmp_path / folder / "packed" / "train") for folder in ("together", "apart"))
    assert "source" not in together.column_names
    source_of = {row["row_id"]: row["source"] for row in rows}
    for row in packed.to_pylist():
        assert {source_of[row_id] for row_id in row["row_ids"]} == {row["source"]}
        assert row["learned_tokens"] == sum(label != -100 for label in row["labels"])
    assert set(packed["source"].to_pylist()) == {"chats", "forum"}
    assert sorted(i for row in packed["row_ids"].to_pylist() for i in row) == sorted(
        i for row in together["row_ids"].to_pylist() for i in row
    )


def test_a_rerun_writes_the_same_bytes(make_run: Callable[..., Run], tmp_path: Path) -> None:
    rows = [conversation(n) for n in range(40)]
    hashes = []
    for name in ("one", "two"):
        run = make_run(conversations=[], overrides=[*OVERRIDES, f"storage.root={tmp_path / name}"])
        artifact = tokenised(run, rows)
        hashes.append({entry["path"]: entry["sha256"] for entry in artifact.manifest["files"]})
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) > 8


def test_no_training_reply_at_all_is_the_users_error(make_run: Callable[..., Run]) -> None:
    run = make_run(conversations=[], overrides=OVERRIDES)
    with pytest.raises(UserError, match="training split has no assistant turn"):
        tokenised(run, [conversation(n) | {"split": "test"} for n in range(3)])
