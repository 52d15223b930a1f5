"""The stages score and clean, through the same door as the pipeline."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import UserError
from pipeline.contract.artifact import Ledger
from pipeline.contract.execute import run_stage
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.report.explain import examples
from pipeline.rows.schema import CONVERSATIONS

CHAT = [("user", "Hello there, how are you today?"), ("assistant", "Very well, thank you. And how are you?")]
GERMAN = [("user", "Wie komme ich zum nächsten Bahnhof?"), ("assistant", "Gehen Sie immer geradeaus, dann links.")]
ABUSE = [("user", "Who is that?"), ("assistant", "shut up you stupid bitch, you are a whore")]
EMPTY = [("user", "Is there anybody here to talk to?"), ("assistant", "\u200b ")]
LOOP = [("user", "Tell me something."), ("assistant", "buy it now " * 12)]
PRIVATE = [("user", "My mail is jane@letters.org, “ok”?"), ("assistant", "I wrote to jane@letters.org at once.")]
ALL = [CHAT, GERMAN, ABUSE, EMPTY, LOOP, PRIVATE]


def acquired(run: Run, conversations: list[list[tuple[str, str]]], files: int = 1) -> None:
    """Commits the conversations as the run's acquire artifact, as rows r0, r1, … in so many files."""
    stage = STAGES["acquire"]
    rows = [
        {
            "row_id": f"r{i}",
            "source": "test",
            "origin": {"file": "a.jsonl", "ordinal": i},
            "messages": [{"role": role, "content": content} for role, content in turns],
            "metadata": [("k", "v")],
        }
        for i, turns in enumerate(conversations)
    ]
    with run.store.building("acquire", run.fingerprint("acquire"), False) as partial:
        (partial / "data").mkdir()
        for n in range(files):
            table = pa.Table.from_pylist(rows[n::files], CONVERSATIONS)
            pq.write_table(table, partial / "data" / f"part-{n:05d}.parquet")
        run.store.commit(
            partial,
            {
                "stage": "acquire",
                "version": stage.version,
                "fingerprint": run.fingerprint("acquire"),
                "inputs": run.input_fingerprints("acquire"),
                "config": {},
                "ledger": Ledger(rows_in=len(rows), rows_out=len(rows)),
                "metrics": {},
            },
        )


@pytest.fixture
def cleaned(make_run: Callable[..., Run]) -> Callable[..., dict[str, Any]]:
    """cleaned(conversations, overrides, files) runs both stages: {name: artifact}."""

    def make(
        conversations: list[list[tuple[str, str]]], overrides: list[str] | None = None, files: int = 1
    ) -> dict[str, Any]:
        run = make_run(conversations=conversations, overrides=overrides)
        acquired(run, conversations, files)
        return {name: run_stage(STAGES[name], run) for name in ("score", "clean")}

    return make


def by_id(artifact: Any, name: str = "data") -> dict[str, dict[str, Any]]:
    return {row["row_id"]: row for row in artifact.read(name).to_table().to_pylist()}


def test_score_repairs_masks_and_drops_nothing(cleaned: Callable[..., dict[str, Any]]) -> None:
    artifact = cleaned(ALL)["score"]
    rows = by_id(artifact)
    assert sorted(rows) == [f"r{i}" for i in range(6)]
    assert rows["r5"]["messages"][0]["content"] == 'My mail is <EMAIL_1>, "ok"?'
    assert rows["r5"]["messages"][1]["content"] == "I wrote to <EMAIL_1> at once."
    assert rows["r5"]["pii"][0] == {"turn": 0, "type": "EMAIL", "start": 11, "end": 27, "placeholder": "<EMAIL_1>"}
    assert rows["r3"]["messages"][1]["content"] == ""
    assert rows["r1"]["language"] == "de"
    assert rows["r0"]["metadata"] == [("k", "v")]
    assert artifact.ledger == Ledger(rows_in=6, rows_out=6)
    assert artifact.metrics["pii"] == {"EMAIL": 2}
    assert artifact.metrics["languages"] == {"en": 5, "de": 1}
    assert artifact.metrics["repairs"]["encoding"] == 1
    assert "jane" not in json.dumps(artifact.manifest)


def test_the_worse_side_of_a_preference_is_masked_too(make_run: Callable[..., Run], tmp_path: Path) -> None:
    asked, better, worse = "Write to jane@letters.org, please.", "I wrote to her.", "No. jane@letters.org is wrong."
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps({"prompt": asked, "chosen": better, "rejected": worse}) + "\n")
    run = make_run(data=path)
    run_stage(STAGES["acquire"], run)
    artifact = run_stage(STAGES["score"], run)
    ((row_id, kept),) = by_id(artifact).items()
    assert kept["messages"][0]["content"] == "Write to <EMAIL_1>, please."
    side = by_id(artifact, "rejected")[row_id]
    assert side["messages"] == [{"role": "assistant", "content": "No. <EMAIL_1> is wrong."}]
    assert artifact.metrics["rejected_sides"] == 1


def test_clean_drops_by_the_first_failing_rule_with_evidence(cleaned: Callable[..., dict[str, Any]]) -> None:
    artifact = cleaned(ALL)["clean"]
    dropped = by_id(artifact, "dropped")
    assert {row: dropped[row]["rule"] for row in sorted(dropped)} == {
        "r1": "language",
        "r2": "offensive",
        "r3": "empty",
        "r4": "repetition",
    }
    proof = json.loads(dropped["r2"]["evidence"])
    assert proof["offence"]["score"] > proof["max_offensive"] == 0.8
    assert json.loads(dropped["r1"]["evidence"])["rules.languages"] == ["en"]
    assert (proof["offence"]["role"], proof["offence"]["turn"]) == ("assistant", 1)
    assert "whore" in proof["offence"]["words"]
    assert sorted(by_id(artifact)) == ["r0", "r5"]
    assert artifact.ledger == Ledger(
        rows_in=6, rows_out=2, dropped={"empty": 1, "language": 1, "offensive": 1, "repetition": 1}
    )


def test_examples_of_a_rule_show_the_masked_text(cleaned: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    loop = [("user", "I am jane@letters.org"), LOOP[1]]
    cleaned([CHAT, loop])
    [example] = examples(Run.open(tmp_path / "root"), "repetition", 3)
    assert (example["stage"], example["row_id"]) == ("clean", "r1")
    assert example["messages"][0] == {"role": "user", "content": "I am <EMAIL_1>"}


def test_what_was_too_long_to_be_searched_for_personal_data_is_not_shown(
    cleaned: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    long = [("user", "I am jane@letters.org. " * 10), ("assistant", "Hello, Jane, and what can I do?")]
    cleaned([CHAT, long], ["clean.rules.max_chars=200"])
    [example] = examples(Run.open(tmp_path / "root"), "too_long", 3)
    assert (example["row_id"], example["messages"]) == ("r1", None)


def test_bytes_do_not_depend_on_the_size_of_tasks(
    cleaned: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {n: [f["sha256"] for f in a.manifest["files"]] for n, a in cleaned(ALL, files=2).items()}
    (tmp_path / "root").rename(tmp_path / "first")
    monkeypatch.setattr("pipeline.clean.score.ROWS_PER_TASK", 2)
    monkeypatch.setattr("pipeline.clean.score.ROWS_PER_BATCH", 1)
    many = {n: [f["sha256"] for f in a.manifest["files"]] for n, a in cleaned(ALL, files=2).items()}
    assert one == many


def test_a_file_without_rows_has_the_columns_of_the_others(cleaned: Callable[..., dict[str, Any]]) -> None:
    for artifact in cleaned([CHAT, ABUSE], files=3).values():
        for name in ("data", "dropped"):
            schemas = {str(pq.read_schema(f)) for f in (artifact.path / name).glob("*.parquet")}
            assert len(schemas) == (artifact.path / name).exists()


def test_a_changed_threshold_does_not_score_again(make_run: Callable[..., Run]) -> None:
    before = make_run(conversations=ALL)
    after = make_run(conversations=ALL, overrides=["clean.rules.max_offensive=0.5"], run_id="after")
    assert before.fingerprint("score") == after.fingerprint("score")
    assert before.fingerprint("clean") != after.fingerprint("clean")


def test_words_in_few_conversations_are_replaced_on_request(cleaned: Callable[..., dict[str, Any]]) -> None:
    turns = [[*CHAT, ("user", word), ("assistant", "Hello!")] for word in ("alpha", "beta", "beta")]
    overrides = ["clean.text.rare_words=placeholder", "clean.text.rare_below=2"]
    rows = by_id(cleaned(turns, overrides)["score"])
    assert [rows[f"r{i}"]["messages"][2]["content"] for i in range(3)] == ["<RARE>", "beta", "beta"]
    assert rows["r0"]["messages"][0]["content"] == CHAT[0][1]
    assert [rows[f"r{i}"]["repairs"] for i in range(3)] == [["rare_words"], [], []]


def test_nothing_left_names_the_rule_and_the_key(cleaned: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(UserError, match=r"all 2 rows were dropped \(language 2\); relax clean\.rules\.languages"):
        cleaned([GERMAN, GERMAN])
