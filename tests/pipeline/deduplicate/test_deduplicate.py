"""deduplicate on hand-made conversations, through the stage's own door."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import UserError
from configs.load import load_profile
from pipeline.contract.artifact import Artifact, Ledger
from pipeline.contract.execute import run_stage
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.deduplicate import near_search
from pipeline.rows.text_hash import text_hash
from tests.artifacts import commit_parts, dropped, kept

CLEAN = pa.schema(
    {
        "row_id": pa.string(),
        "source": pa.string(),
        "origin": pa.struct({"file": pa.string(), "ordinal": pa.int64()}),
        "conversation_id": pa.string(),
        "user_id": pa.string(),
        "messages": pa.list_(pa.struct({"role": pa.string(), "content": pa.string()})),
        "metadata": pa.map_(pa.string(), pa.string()),
        "chars": pa.int32(),
        "repairs": pa.list_(pa.string()),
        "text_hash": pa.string(),
    }
)

NOUNS = ["river", "lantern", "orchard", "violin", "harbour", "compass", "meadow", "granite", "falcon", "teapot"]
VERBS = ["paints", "carries", "follows", "measures", "hides", "repairs", "borrows", "polishes", "weighs", "draws"]
PLACES = ["kitchen", "valley", "museum", "attic", "forest", "market", "station", "chapel", "garden", "cellar"]


def sentence(random: Random, words: int) -> str:
    """A sentence unlike any other: every word carries letters drawn for it. No digits: they would be facts."""
    lists = (NOUNS, VERBS, PLACES)
    return " ".join(f"{random.choice(lists[i % 3])}{letters(random.randrange(10_000))}" for i in range(words))


def letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:04d}")


def row(name: str, prompt: str, reply: str, **columns: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}]
    return {
        "row_id": name,
        "source": "made",
        "origin": {"file": "made.jsonl", "ordinal": 0},
        "messages": messages,
        "metadata": [],
        "chars": len(prompt + reply),
        "repairs": [],
        "text_hash": hashlib.sha256(f"{prompt}\n{reply}".lower().encode()).hexdigest()[:32],
        **columns,
    }


def unlike(count: int, prefix: str = "z") -> list[dict[str, Any]]:
    """Rows that have nothing in common."""
    random = Random(prefix)
    return [row(f"{prefix}{i:03d}", sentence(random, 9), sentence(random, 12)) for i in range(count)]


Made = Callable[..., Artifact]


@pytest.fixture
def deduplicated(make_run: Callable[..., Run], tmp_path: Path) -> Made:
    """deduplicated(rows, parts=1, overrides=[]): the artifact of deduplicate over these rows of clean."""

    def make(rows: list[dict[str, Any]], parts: int = 1, overrides: list[str] | None = None) -> Artifact:
        root = tmp_path / f"root-{len(list(tmp_path.iterdir()))}"
        settings = [f"storage.root={root}", *(overrides or [])]
        run = make_run(conversations=[[("user", "unused"), ("assistant", "unused")]], overrides=settings)
        commit_parts(run, "clean", [rows[part::parts] for part in range(parts)], CLEAN)
        return run_stage(STAGES["deduplicate"], run)

    return make


def misspell(text: str, *positions: int) -> str:
    """The text with the last letter of some words doubled."""
    words = text.split()
    for position in positions:
        words[position] += words[position][-1]
    return " ".join(words)


def test_every_drop_names_the_row_that_stays_for_it(deduplicated: Made) -> None:
    random = Random(1)
    prompt, reply = sentence(random, 10), sentence(random, 20)
    passage = sentence(random, 95)
    rows = [
        *unlike(30),
        row("a1", "Is it raining?", "No, it is dry."),
        row("a2", "is it raining?", "no, it is dry."),
        row("a3", "Is it raining?", "No, it is dry.", repairs=["html"]),
        row("b1", prompt, reply),
        row("b2", prompt, reply + " indeed"),
        row("c1", prompt, "An answer of another kind altogether."),
        row("d1", f"{passage}\n\ndoes the harbour freeze over in winter", "Yes"),
        row("d2", f"{passage}\n\nhas anyone ever lived on this island", "Yes"),
    ]
    artifact = deduplicated(rows)
    assert dropped(artifact) == {
        "a2": ("exact_duplicate", {"matched": "a1"}),
        "a3": ("exact_duplicate", {"matched": "a1"}),
        "b1": ("near_duplicate", {"matched": "b2", "jaccard": 0.9667}),
    }
    assert {"a1", "b2", "c1"} <= kept(artifact).keys()
    assert {"d1", "d2"} <= kept(artifact).keys(), "other questions about one passage"
    assert kept(artifact)["b2"]["cluster"] == "b1"
    assert kept(artifact)["c1"]["cluster"] == "c1"
    assert artifact.ledger == Ledger(38, 35, {}, {"exact_duplicate": 2, "near_duplicate": 1})
    assert not (artifact.path / "scratch").exists()
    assert artifact.metrics["splits"].keys() == {"train", "validation", "test"}


def test_a_chain_of_small_changes_does_not_swallow_its_far_end(deduplicated: Made) -> None:
    random = Random(2)
    prompt, reply = sentence(random, 4), sentence(random, 40)
    versions = [misspell(reply, *range(0, 2 * step, 2)) for step in range(13)]
    # equal length, so that the order of quality is the order of row_id: m00 first
    longest = max(map(len, versions))
    rows = [row(f"m{i:02d}", prompt, text, chars=longest) for i, text in enumerate(versions)]
    artifact = deduplicated([*unlike(25), *rows])
    stays = {name: r for name, r in kept(artifact).items() if name.startswith("m")}
    assert len(stays) > 1, "the far end of the chain stays"
    assert {r["cluster"] for r in stays.values()} == {"m00"}
    assert len({r["split"] for r in stays.values()}) == 1
    texts = dict(zip((r["row_id"] for r in rows), versions, strict=True))
    for name, (rule, evidence) in dropped(artifact).items():
        assert rule == "near_duplicate"
        assert evidence["matched"] in stays
        a, b = (set(texts[n].split()) for n in (name, evidence["matched"]))
        assert evidence["jaccard"] >= 0.8
        assert len(a ^ b) <= 8, "few words differ from the row that stays"


def test_the_result_does_not_depend_on_partitions_or_order(deduplicated: Made, tmp_path: Path) -> None:
    random = Random(3)
    rows = unlike(20)
    earlier = conversations(tmp_path / "accepted", [{**r, "row_id": f"old{i}"} for i, r in enumerate(rows[:4])])
    for i in range(25):
        prompt, reply = sentence(random, 8), sentence(random, random.randrange(10, 60))
        rows += [row(f"{v}{i:02d}", prompt, misspell(reply, *range(0, v, 1))) for v in range(1, 4)]
        rows.append(row(f"q{i:02d}", prompt, reply, user_id=f"user{i % 9}", conversation_id=f"talk{i % 12}"))
    found = []
    for parts, seed in ((1, None), (2, 5), (7, 6)):
        ordered = rows[:]
        if seed:
            Random(seed).shuffle(ordered)
        artifact = deduplicated(
            ordered, parts=parts, overrides=[f"deduplicate.earlier=[{earlier}]", "deduplicate.neighbours=2"]
        )
        found.append((kept(artifact), dropped(artifact), artifact.metrics["splits"]))
        assert len(dropped(artifact)) > 30
    assert found[0] == found[1] == found[2]


def test_spark_leaves_what_one_process_leaves(
    deduplicated: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the work is handed over: duplicates of all kinds, users and prompts that link what prompts of few words
    may not, a prompt of most rows."""
    random = Random(12)
    rows = unlike(60, "s")
    rows += [row(f"n{i:02d}", misspell(said(r, 0), 4), said(r, 1)) for i, r in enumerate(rows[:20])]
    rows += [row(f"e{i:02d}", said(r, 0), said(r, 1)) for i, r in enumerate(rows[10:30])]
    rows += [row(f"p{i:03d}", "Write a poem of the sea.", sentence(random, 11)) for i in range(180)]
    rows += [row(f"q{i:02d}", said(rows[i % 7], 0), sentence(random, 14)) for i in range(40)]
    for each in (each for each in rows if each["row_id"][0] != "p"):
        each["user_id"] = f"u{random.randrange(25)}" if random.random() < 0.4 else None
        each["conversation_id"] = f"c{random.randrange(90)}" if random.random() < 0.3 else None
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    pq.write_table(pa.Table.from_pylist(unlike(5, "s"), CLEAN), earlier / "rows.parquet")
    found = []
    for settings in ([], ["spark.from_rows=0"], []):
        made = deduplicated(rows, 3, [f"deduplicate.earlier=[{earlier}]", *settings])
        metrics = {k: v for k, v in made.metrics.items() if k != "shuffle_bytes_a_row"}
        found.append((made.manifest["files"], made.ledger, metrics, made.manifest["made_of"]))
        monkeypatch.setattr(near_search, "PAIRS_HERE", 0)
    assert found[0] == found[1] == found[2]
    assert {"exact_duplicate", "near_duplicate", "earlier_exact_duplicate"} <= found[0][1].dropped.keys()


def said(of: dict[str, Any], turn: int) -> str:
    return str(of["messages"][turn]["content"])


def test_a_conversation_and_a_user_never_straddle_splits(deduplicated: Made) -> None:
    rows = unlike(120)
    for i, r in enumerate(rows):
        r["conversation_id"] = f"talk{i // 3}" if i < 90 else None
        r["user_id"] = f"user{i // 4}" if i >= 60 else None
    artifact = deduplicated(rows, overrides=["deduplicate.validation_share=0.2", "deduplicate.test_share=0.2"])
    for column in ("conversation_id", "user_id"):
        splits: dict[str, set[str]] = {}
        for r in kept(artifact).values():
            splits.setdefault(r[column], set()).add(r["split"])
        splits.pop(None, None)  # type: ignore[call-overload]
        assert all(len(s) == 1 for s in splits.values())
    counts = artifact.metrics["splits"]
    assert all(counts[name] > 5 for name in ("train", "validation", "test"))


def splits_of(artifact: Artifact, key: Callable[[dict[str, Any]], Any]) -> dict[Any, set[str]]:
    """Key of a row to the splits of its rows."""
    found: dict[Any, set[str]] = {}
    for r in kept(artifact).values():
        found.setdefault(key(r), set()).add(r["split"])
    return found


def prompt_of(r: dict[str, Any]) -> str:
    return str(r["messages"][0]["content"]).lower().rstrip("?")


def test_answers_to_one_prompt_share_a_split_and_the_shares_are_met(deduplicated: Made) -> None:
    random = Random(9)
    rows = [row(f"c{i:02d}", "Tell me a joke, please", sentence(random, 12)) for i in range(15)]
    for i in range(60):
        prompt = f"what do you make of {sentence(random, 6)}"
        rows += [row(f"p{i:02d}{j}", f"{prompt}{'?' * j}".title(), sentence(random, 12)) for j in range(4)]
    artifact = deduplicated(
        [*rows, *unlike(45)], overrides=["deduplicate.validation_share=0.2", "deduplicate.test_share=0.2"]
    )
    assert len(kept(artifact)) == 300, "another answer is another row"
    assert all(len(splits) == 1 for splits in splits_of(artifact, prompt_of).values())
    assert artifact.metrics["groups"] == 1 + 60 + 45
    assert artifact.metrics["largest_group"] == 15, "5% of the rows have one prompt"
    assert all(35 <= artifact.metrics["splits"][name] <= 85 for name in ("test", "validation"))


def test_answers_to_a_prompt_share_a_split_however_many_they_are(deduplicated: Made) -> None:
    random = Random(3)
    prompts = [f"what do you make of {sentence(random, 6)}" for _ in range(8)]
    rows = [row(f"p{n}-{j:02d}", prompt, sentence(random, 12)) for n, prompt in enumerate(prompts) for j in range(15)]
    artifact = deduplicated(rows)
    assert artifact.metrics["groups"] == 8
    assert all(len(splits) == 1 for splits in splits_of(artifact, prompt_of).values())
    assert artifact.metrics["splits"] == {"test": 15, "train": 90, "validation": 15}


def test_a_greeting_chains_no_users_and_a_question_binds_those_who_asked_it(deduplicated: Made) -> None:
    random = Random(10)
    rows = []
    for user in range(40):
        rows.append(row(f"g{user:02d}", "Hi there!", sentence(random, 9), user_id=f"user{user}"))
        rows += [
            row(f"u{user:02d}{i}", sentence(random, 8), sentence(random, 9), user_id=f"user{user}") for i in range(4)
        ]
    asked = sentence(random, 8)
    rows += [row(f"q{user}", asked, sentence(random, 9), user_id=f"user{user}") for user in range(3)]
    artifact = deduplicated(rows, overrides=["deduplicate.validation_share=0.2", "deduplicate.test_share=0.2"])
    by_user = splits_of(artifact, lambda r: r["user_id"])
    assert all(len(splits) == 1 for splits in by_user.values())
    assert artifact.metrics["groups"] == 38
    assert len(set.union(*(by_user[f"user{user}"] for user in range(3)))) == 1
    assert all(artifact.metrics["splits"][name] >= 15 for name in ("test", "validation"))


def test_a_prompt_of_most_rows_is_the_form_of_the_corpus_and_binds_none(deduplicated: Made) -> None:
    random = Random(11)
    rows = [row(f"f{i:02d}", "Write me a short poem now", sentence(random, 12)) for i in range(60)]
    artifact = deduplicated(rows)
    assert artifact.metrics["groups"] == 60
    assert artifact.metrics["splits"].keys() == {"train", "validation", "test"}


def test_a_row_keeps_its_split_when_rows_are_added(deduplicated: Made) -> None:
    few, many = kept(deduplicated(unlike(150))), kept(deduplicated([*unlike(150), *unlike(150, "y")]))
    moved = {name for name in few if few[name]["split"] != many[name]["split"]}
    assert moved == set()


def test_a_user_with_more_rows_than_a_split_holds_trains(deduplicated: Made) -> None:
    rows = unlike(60)
    for r in rows[:30]:
        r["user_id"] = "chatterbox"
    for seed in range(1, 3):
        artifact = deduplicated(rows, overrides=[f"seed={seed}"])
        assert {r["split"] for r in kept(artifact).values() if r["user_id"]} == {"train"}


def test_twenty_rows_fill_all_three_splits_and_fewer_are_refused(deduplicated: Made) -> None:
    splits = deduplicated(unlike(20)).metrics["splits"]
    assert splits.keys() == {"test", "train", "validation"}
    assert splits["train"] >= 14
    with pytest.raises(UserError, match="19 rows are left, and train, validation and test need at least 20"):
        deduplicated(unlike(19))


def test_rows_of_two_users_cannot_be_split_three_ways(deduplicated: Made) -> None:
    rows = unlike(24)
    for i, r in enumerate(rows):
        r["user_id"] = f"user{i % 2}"
    with pytest.raises(UserError, match=r"belong to 2 groups .* leave user_id out"):
        deduplicated(rows)


def test_training_rows_that_repeat_a_held_out_exchange_go(deduplicated: Made) -> None:
    random = Random(4)
    talks = []
    shared = (sentence(random, 6), sentence(random, 9))
    for i in range(60):
        own = [(sentence(random, 7), sentence(random, 7)) for _ in range(2)]
        pairs = [("Hi, how are you?", "I am fine thanks, and you?"), *own]
        if i < 20:
            pairs.append(shared)
        talk = row(f"t{i:02d}", "", "", text_hash=f"hash{i}")
        talk["messages"] = [
            {"role": role, "content": text}
            for pair in pairs
            for role, text in zip(("user", "assistant"), pair, strict=True)
        ]
        talks.append(talk)
    artifact = deduplicated(talks, overrides=["deduplicate.validation_share=0.2", "deduplicate.test_share=0.2"])
    gone = dropped(artifact)
    sharing = {f"t{i:02d}" for i in range(20)}
    held_out = {name: r["split"] for name, r in kept(artifact).items() if r["split"] != "train" and name in sharing}
    assert held_out, "the seed holds out some of the rows that share an exchange"
    assert gone.keys() == sharing - held_out.keys(), "greetings do not count, the shared exchange does"
    for rule, evidence in gone.values():
        assert rule == f"overlaps_{held_out[evidence['matched']]}"
    rule = "overlaps_test" if "test" in held_out.values() else "overlaps_validation"
    assert {r for r, _ in gone.values()} == {rule}


def test_a_huge_bucket_is_bounded_and_still_cleaned(deduplicated: Made) -> None:
    random = Random(5)
    prompt, reply = sentence(random, 10), sentence(random, 60)
    copies = [row(f"s{i:03d}", prompt, misspell(reply, i)) for i in range(60)]
    artifact = deduplicated([*unlike(25), *copies], overrides=["deduplicate.neighbours=4"])
    assert artifact.metrics["bounded_buckets"] > 0
    assert artifact.metrics["candidate_pairs"] <= 16 * 60 * 4
    assert sum(name.startswith("s") for name in kept(artifact)) == 1


def conversations(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Canonical Parquet that is no artifact."""
    folder.mkdir()
    table = pa.Table.from_pylist(rows, schema=CLEAN).drop_columns(["chars", "repairs", "text_hash"])
    pq.write_table(table, folder / "rows.parquet")
    return folder


def test_an_earlier_row_stays_and_the_new_row_goes(deduplicated: Made, tmp_path: Path) -> None:
    random = Random(7)
    prompt, reply = sentence(random, 10), sentence(random, 20)
    other = sentence(random, 20)
    earlier = [row("old1", prompt, reply), row("old2", "Where is it?", "Over there."), *unlike(5, "o")]
    folder = conversations(tmp_path / "accepted", earlier)
    new = [
        *unlike(30),
        row(
            "equal",
            "where is it",
            "over there",
            text_hash=text_hash([("user", "where is it"), ("assistant", "over there")]),
        ),
        row("near", prompt, reply + " indeed and much longer"),
        row("near2", prompt, reply + " indeed and much longer still"),
        row("another", prompt, other),
    ]
    artifact = deduplicated(new, overrides=[f"deduplicate.earlier=[{folder}]"])
    gone = dropped(artifact)
    assert gone.keys() == {"equal", "near", "near2"}
    assert gone["equal"] == ("earlier_exact_duplicate", {"matched": "old2", "corpus": str(folder)})
    for name in ("near", "near2"):
        rule, evidence = gone[name]
        assert (rule, evidence["matched"], evidence["corpus"]) == ("earlier_near_duplicate", "old1", str(folder))
        assert evidence["jaccard"] >= 0.8
    assert kept(artifact).keys() == {r["row_id"] for r in new} - gone.keys(), "no earlier row enters"
    assert artifact.manifest["inputs"].keys() == {"clean", f"deduplicate.earlier/{folder}/rows.parquet"}
    assert artifact.ledger == Ledger(34, 31, {}, {"earlier_exact_duplicate": 1, "earlier_near_duplicate": 2})


def test_rows_that_repeat_an_evaluation_set_go_with_set_and_row_named(deduplicated: Made, tmp_path: Path) -> None:
    random = Random(8)
    question, passage = sentence(random, 9), sentence(random, 30)
    evaluation = [
        {"question": passage, "answer": "Because of the wind."},
        {"question": question, "answer": "Certainly, whenever you like it to be."},
        {"question": "What is seven times eight here?", "answer": "Fifty six."},
        {"question": "Hello!", "answer": "Hi."},
    ]
    file = tmp_path / "trivia.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in evaluation))
    words = passage.split()
    new = [
        *unlike(30),
        row("gram", f"See this: {' '.join(words[3:16])} and so on", "I see."),
        row("twelve", f"See this: {' '.join(words[3:15])} and so on", "I see."),
        row("turn", f"Tell me, {question.upper()}?", "No idea at all."),
        row("exchange", "what is seven times eight here", "fifty-six"),
        row("question", "What is seven times eight here?", "No idea."),
        row("greeting", "Hello!", "Hi there."),
    ]
    artifact = deduplicated(new, overrides=[f"deduplicate.evaluation_sets=[{file}]"])
    assert dropped(artifact) == {
        "gram": ("overlaps_evaluation", {"matched": "trivia.jsonl#0", "evaluation_set": str(file), "words": 13}),
        "turn": ("overlaps_evaluation", {"matched": "trivia.jsonl#1", "evaluation_set": str(file), "words": 9}),
        "exchange": (
            "overlaps_evaluation",
            {"matched": "trivia.jsonl#2", "evaluation_set": str(file), "exchange": "whole"},
        ),
    }
    assert {"twelve", "question", "greeting"} <= kept(artifact).keys()


def test_an_earlier_corpus_that_is_not_there_is_refused(make_run: Callable[..., Run], tmp_path: Path) -> None:
    run = make_run(
        conversations=[[("user", "hello"), ("assistant", "hi")]],
        overrides=[f"deduplicate.earlier=[{tmp_path / 'nowhere'}]"],
    )
    with pytest.raises(UserError, match=r"deduplicate.earlier: .*nowhere is neither a run .* correct the entry"):
        run.fingerprint("deduplicate")


@pytest.mark.parametrize("override", ["deduplicate.bands=7", "deduplicate.bands=8", "deduplicate.jaccard=0.5"])
def test_bands_that_cannot_find_duplicates_are_refused(override: str) -> None:
    with pytest.raises(UserError, match="bands"):
        load_profile("scratch", [override])
