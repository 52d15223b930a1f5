"""One row's story, over artifacts made by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import UserError
from configs.load import load_profile
from pipeline.contract.artifact import Ledger
from pipeline.contract.run import Run
from pipeline.contract.spikes import Spike, spikes_of
from pipeline.report.explain import explain, spike

ROW, COPY = "a" * 32, "ab" + "c" * 30
TURNS = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day"}]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    raw = tmp_path / "chats.jsonl"
    raw.write_text("{}\n")
    return Run.begin(load_profile("scratch", [f"storage.root={tmp_path / 'root'}"], str(raw)), "told")


@pytest.fixture
def leave(run: Run) -> Callable[..., None]:
    """leave(stage, rows by folder, …) commits an artifact of the run; more: of its manifest."""

    def commit(stage: str, tables: dict[str, list[dict[str, Any]]], **more: Any) -> None:
        rows = len(tables.get("data", []))
        manifest = {"stage": stage, "fingerprint": run.fingerprint(stage), "ledger": Ledger(rows, rows), "metrics": {}}
        with run.store.building(stage, run.fingerprint(stage), resume=False) as partial:
            for folder, contents in tables.items():
                (partial / folder).mkdir(parents=True)
                pq.write_table(pa.Table.from_pylist(contents), partial / folder / "part-00000.parquet")
            run.store.commit(partial, {**manifest, **more})

    return commit


def conversation(row_id: str = ROW, **columns: Any) -> dict[str, Any]:
    origin = {"file": "chats.jsonl", "ordinal": 1204}
    return {"row_id": row_id, "source": "chats", "origin": origin, "messages": TURNS, **columns}


def test_a_row_that_was_preferred_says_so(run: Run, leave: Callable[..., None]) -> None:
    worse = {"row_id": ROW, "messages": TURNS[1:]}
    leave("acquire", {"data": [conversation(), conversation(COPY)], "rejected": [worse]})
    assert explain(run, ROW) == [
        f"row {ROW}",
        "  acquire: preferred to a rejected side of 1 turn, which lies in rejected/",
        "  acquire: read from source chats, chats.jsonl, record 1,204, 2 turns",
    ]
    assert len(explain(run, COPY)) == 2


def test_from_file_and_line_to_the_steps_that_learned_from_it(run: Run, leave: Callable[..., None]) -> None:
    leave("acquire", {"data": [conversation()]})
    leave("clean", {"data": [conversation(language="en")]})
    leave("deduplicate", {"data": [conversation(language="en", split="train")]})
    leave("embed", {"data": [{"row_id": ROW, "segment": 0, "first_turn": 0, "last_turn": 1, "vector": [0.1]}]})
    packed = [{"row_ids": [COPY, ROW]}, {"row_ids": [COPY]}, {"row_ids": [ROW]}]
    leave("tokenise", {"packed/train": packed}, config={"tokenise": {"sequence_length": 16}})
    leave("train", {}, config={"train": {"batch_tokens": 48}, "seed": 20}, metrics={"steps": 2})
    assert explain(run, "aa") == [
        f"row {ROW}",
        "  acquire: read from source chats, chats.jsonl, record 1,204, 2 turns",
        '  clean: kept {"language": "en"}',
        '  deduplicate: kept {"split": "train"}',  # what was told before is not repeated
        '  embed: embedded turns 0 to 1 {"segment": 0, "first_turn": 0, "last_turn": 1}',
        "  tokenise: packed into train sequences 0, 2 of 3",
        "  train: learned from in epochs 1, 2, steps 1, 2 of 2",  # a batch of 24 tokens is all three sequences
    ]


def test_from_a_spike_to_the_rows_of_its_batch(run: Run, leave: Callable[..., None]) -> None:
    leave("acquire", {"data": [conversation(), conversation(COPY)]})
    at_first = Spike(step=7, loss=9.5, why="is 9.5, 12.0 standard deviations above", action="kept", rows=[COPY, ROW])
    again = at_first.model_copy(update={"loss": None, "why": "is not a number", "action": "left out"})
    spikes_of(run.folder).write_text("".join(f"{told.model_dump_json()}\n" for told in (at_first, again)))
    assert spike(run, 7, 1) == [
        "step 7: the loss is not a number; left out",
        f"  rows: {COPY}, {ROW}",
        f"row {COPY}",
        "  acquire: read from source chats, chats.jsonl, record 1,204, 2 turns",
    ]
    assert f"row {ROW}" in spike(run, 7, 2)
    with pytest.raises(UserError, match=r"--spike 8: .* was no spike; steps of which that is told: 7"):
        spike(run, 8, 1)


def test_a_row_whose_turn_never_came(run: Run, leave: Callable[..., None]) -> None:
    leave("acquire", {"data": [conversation()]})
    leave("tokenise", {"packed/train": [{"row_ids": [ROW]}]}, config={"tokenise": {"sequence_length": 16}})
    leave("train", {}, config={"train": {"batch_tokens": 48}, "seed": 20}, metrics={"steps": 0})
    assert explain(run, ROW)[-1] == "  train: not reached: 0 steps of 3 sequences ended before its turn"


def test_a_row_that_was_added_on_the_way_is_known_too(run: Run, leave: Callable[..., None]) -> None:
    leave("acquire", {"data": [conversation()]})
    both = [conversation(augmentation=None, parent=None), conversation(COPY, augmentation="counterfactual", parent=ROW)]
    leave("balance", {"data": both}, ledger=Ledger(1, 2, {"counterfactual": 1}))
    assert explain(run, "ab") == [
        f"row {COPY}",
        f'  balance: kept {{"augmentation": "counterfactual", "parent": "{ROW}"}}',
    ]
    with pytest.raises(UserError, match="2 rows begin so"):
        explain(run, "a")
    with pytest.raises(UserError, match="no such row"):
        explain(run, "f")


def test_without_acquire_nothing_is_known(run: Run) -> None:
    with pytest.raises(UserError, match="stage acquire has no artifact yet"):
        explain(run, ROW)
