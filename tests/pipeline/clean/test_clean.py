"""The stages score and clean, through the same door as the pipeline."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.clean import Rules
from configs.errors import UserError
from pipeline.clean.rules import RULES, first_failures
from pipeline.clean.score_columns import ARROW_SCORES
from pipeline.contract.artifact import Ledger
from pipeline.contract.execute import run_stage
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.report.explain import examples
from pipeline.rows.schema import MESSAGES, ORIGIN

SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("source", pa.string()),
        ("origin", ORIGIN),
        ("conversation_id", pa.string()),
        ("user_id", pa.string()),
        ("messages", MESSAGES),
        ("metadata", pa.map_(pa.string(), pa.string())),
    ]
)

CHAT = [("user", "Hello there, how are you today?"), ("assistant", "Very well, thank you. And how are you?")]
GERMAN = [("user", "Wie komme ich zum nächsten Bahnhof?"), ("assistant", "Gehen Sie immer geradeaus, dann links.")]
ABUSE = [("user", "Who is that?"), ("assistant", "shut up you stupid bitch, you are a whore")]
EMPTY = [("user", "Is there anybody here to talk to?"), ("assistant", "\u200b ")]
LOOP = [("user", "Tell me something."), ("assistant", "buy it now " * 12)]
PRIVATE = [("user", "My mail is jane@example.org, “ok”?"), ("assistant", "I wrote to jane@example.org at once.")]
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
            pq.write_table(pa.Table.from_pylist(rows[n::files], SCHEMA), partial / "data" / f"part-{n:05d}.parquet")
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
    assert proof["offensive"] > proof["max_offensive"] == 0.8
    assert json.loads(dropped["r1"]["evidence"])["languages"] == ["en"]
    assert "whore" not in dropped["r2"]["evidence"]
    assert sorted(by_id(artifact)) == ["r0", "r5"]
    assert artifact.ledger == Ledger(
        rows_in=6, rows_out=2, dropped={"empty": 1, "language": 1, "offensive": 1, "repetition": 1}
    )


def test_examples_of_a_rule_show_the_masked_text(cleaned: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    loop = [("user", "I am jane@example.org"), LOOP[1]]
    cleaned([CHAT, loop])
    [example] = examples(Run.open(tmp_path / "root"), "repetition", 3)
    assert (example["stage"], example["row_id"]) == ("clean", "r1")
    assert example["messages"][0] == {"role": "user", "content": "I am <EMAIL_1>"}


def test_what_was_too_long_to_be_searched_for_personal_data_is_not_shown(
    cleaned: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    long = [("user", "I am jane@example.org. " * 10), ("assistant", "Hello, Jane, and what can I do?")]
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


GOOD = {
    "language": "en",
    "language_confidence": 0.9,
    "languages": [("en", 0.9)],
    "offensive": 0.1,
    "repetition": 0.0,
    "chars": 80,
    "reply_chars": 40,
    "assistant_chars": 40,
    "turn_languages": [("en", 0.95), ("en", 0.95)],
    "tokens": 20,
    "reply_ratio": 1.0,
    "non_letters": 0.1,
    "capitals": 0.1,
    "digits": 0.0,
    "echo": 0.0,
    "refusals": 0,
    "leaks": 0,
    "empty_turns": 0,
    "role_faults": [],
    "rare_words": 0.0,
    "messages": [("user", "Hello?"), ("assistant", "Hello.")],
}
STRICT = Rules(turn_languages="replies", refusals="drop", min_reply_ratio=0.1, role_faults=["unanswered"])
"""The rules that the default leaves out as well."""
EXAMPLES = [
    ("empty", {"assistant_chars": 0, "reply_chars": 0}, {"assistant_chars": 2}),
    ("reply_too_short", {"reply_chars": 0}, {"reply_chars": 1}),
    ("too_short", {"chars": 4}, {"chars": 5}),
    ("too_long", {"chars": 100_001}, {"chars": 100_000}),
    ("language", {"languages": [("fr", 0.8), ("en", 0.13)]}, {"languages": [("fr", 0.8), ("en", 0.131)]}),  # 10 to 1
    ("language", {"languages": [("sr", 0.3), ("hr", 0.2)]}, {"languages": [("sr", 0.3), ("en", 0.2)]}),
    ("language", {"languages": []}, {"language": "und", "languages": []}),
    ("repetition", {"repetition": 0.51}, {"repetition": 0.5}),
    ("empty_turn", {"empty_turns": 1}, {"empty_turns": 0}),
    ("role_order", {"role_faults": ["same_role_twice", "unanswered"]}, {"role_faults": ["same_role_twice"]}),
    ("too_few_tokens", {"tokens": 1}, {"tokens": 2}),
    ("too_many_tokens", {"tokens": 32_769}, {"tokens": 32_768}),
    (
        "turn_language",
        {"turn_languages": [("en", 0.9), ("fr", 0.9)]},
        {"turn_languages": [("fr", 0.99), ("fr", 0.89)]},  # a prompt, and a reply that is not sure
    ),
    ("turn_language", {"turn_languages": [("en", 0.9), ("fr", 0.9)]}, {"turn_languages": [("en", 0.9), ("und", 0.0)]}),
    ("reply_equals_prompt", {"echo": 0.6}, {"echo": 0.5}),
    ("refusal", {"refusals": 1}, {"refusals": 0}),
    ("prompt_leak", {"leaks": 1}, {"leaks": 0}),
    ("reply_ratio_low", {"reply_ratio": 0.09}, {"reply_ratio": 0.1}),
    ("reply_ratio_high", {"reply_ratio": 1000.1}, {"reply_ratio": 1000.0}),
    ("non_letters", {"non_letters": 0.61}, {"non_letters": 0.6}),
    ("capitals", {"capitals": 0.81}, {"capitals": 0.8}),
    ("digits", {"digits": 0.41}, {"digits": 0.4}),
    ("rare_words", {"rare_words": 0.21}, {"rare_words": 0.2}),
    ("offensive", {"offensive": 0.81}, {"offensive": 0.8}),
]


def judge(scores: dict[str, Any], rules: Rules) -> str | None:
    """The first rule that a row of scores fails."""
    row = {**GOOD, **scores}
    types = {**ARROW_SCORES, "messages": MESSAGES}
    for name in ("languages", "turn_languages"):
        row[name] = [dict(zip(("code", "confidence"), pair, strict=True)) for pair in row[name]]
    row["messages"] = [dict(zip(("role", "content"), turn, strict=True)) for turn in row["messages"]]
    return first_failures(pa.table({name: pa.array([row[name]], types[name]) for name in row}), rules)[0].as_py()


@pytest.mark.parametrize(("name", "fails", "passes"), EXAMPLES)
def test_each_rule_has_its_border(name: str, fails: Any, passes: Any) -> None:
    assert judge(fails, STRICT) == name
    assert judge(passes, STRICT) is None


def test_every_rule_has_an_example() -> None:
    assert {name for name, _, _ in EXAMPLES} == {rule.name for rule in RULES}


def test_refusals_and_the_language_of_turns_are_only_counted_unless_asked() -> None:
    odd = {"refusals": 1, "turn_languages": [("fr", 1.0), ("fr", 1.0)], "role_faults": ["unanswered"]}
    assert judge(odd, Rules()) is None
    assert judge({"turn_languages": [("fr", 1.0), ("en", 1.0)]}, Rules(turn_languages="all")) == "turn_language"
    assert judge(odd, Rules(turn_languages="replies", languages=[])) is None


def test_no_languages_keeps_all() -> None:
    assert judge({"languages": [("fr", 1.0)]}, Rules(languages=[])) is None
    assert judge({"role_faults": ["no_user"]}, Rules(role_faults=[])) is None


def test_a_language_is_a_code_not_a_name() -> None:
    with pytest.raises(ValueError, match="pattern"):
        Rules(languages=["English"])
