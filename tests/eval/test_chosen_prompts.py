"""Which replies of the test split a model is asked for."""

from pathlib import Path

import pyarrow as pa
import pytest

from configs.load import load_profile
from eval.prompts import choose_prompts, prompts_of
from pipeline.contract.artifact import Artifact
from pipeline.contract.run import Run
from tests.artifacts import commit_parts

SEED = 3
MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
SCHEMA = pa.schema([("row_id", pa.string()), ("messages", pa.list_(MESSAGE))])


def messages(exchanges: int) -> list[dict[str, str]]:
    opening = [{"role": "assistant", "content": "Welcome."}]
    said = [{"role": role, "content": f"{role} {i}"} for i in range(exchanges) for role in ("user", "assistant")]
    return opening + said


@pytest.fixture
def balance(tmp_path: Path) -> Artifact:
    """Conversations a, b and c of 1, 2 and 5 exchanges, and one that the user never spoke in."""
    raw = tmp_path / "raw.jsonl"
    raw.write_text("{}\n")
    run = Run.begin(load_profile("scratch", [f"storage.root={tmp_path}/var"], str(raw)), "test")
    rows = [{"row_id": name, "messages": messages(n)} for name, n in {"a": 1, "b": 2, "c": 5, "d": 0}.items()]
    return commit_parts(run, "balance", [rows], SCHEMA)


def test_first_the_last_reply_of_each_then_others_as_evenly_as_there_are(balance: Artifact) -> None:
    chosen = choose_prompts(balance, ["a", "b", "c", "d"], 100, SEED)
    assert sorted(p.reference for p in chosen[:3]) == ["assistant 0", "assistant 1", "assistant 4"]
    assert sorted(p.row_id for p in chosen[3:5]) == ["b", "c"]
    assert [p.row_id for p in chosen[5:]] == ["c"] * 3
    assert len({p.key for p in chosen}) == 8
    assert choose_prompts(balance, ["d", "c", "b", "a"], 4, SEED) == chosen[:4]


def test_a_reply_is_asked_for_by_all_that_was_said_before_it() -> None:
    of_all = messages(5)
    prompts = prompts_of("c", of_all, SEED)
    assert prompts[0].turn == 10
    assert sorted(p.turn for p in prompts) == [2, 4, 6, 8, 10]
    assert all(p.messages == of_all[: p.turn] and p.reference == of_all[p.turn]["content"] for p in prompts)
    assert prompts_of("c", of_all, SEED + 1)[1:] != prompts[1:]
