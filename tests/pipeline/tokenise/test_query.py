"""Training from a query of the corpus: what it leaves out, why, and its hash."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from configs.errors import UserError
from configs.selection import Nearest, Range, Select
from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from pipeline.report.explain import explain
from pipeline.rows.schema import PAIRS
from pipeline.tokenise.left_out import of_row, result_hash
from tests.artifacts import commit, commit_parts, dropped

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("row_id", "source", "split", "topic", "language", "augmentation", "parent")),
        ("origin", pa.struct([("file", pa.string()), ("ordinal", pa.int64())])),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("metadata", pa.map_(pa.string(), pa.string())),
        ("offensive", pa.float32()),
    ]
)
SIZES = ["tokenise.vocabulary=512", "tokenise.sequence_length=64"]


def row(number: int, split: str = "train", **columns: Any) -> dict[str, Any]:
    talk = [("user", f"How are you on day {number}?"), ("assistant", "I am very well indeed.")]
    return {
        "row_id": f"{number:032x}",
        "source": "own",
        "split": split,
        "topic": "sport",
        "language": "en",
        "origin": {"file": "made", "ordinal": number},
        "messages": [{"role": role, "content": content} for role, content in talk],
        "offensive": 0.0,
        **columns,
    }


ROWS = [
    row(1),
    row(2, source="other"),
    row(3, topic="food"),
    row(4, offensive=0.5),
    row(5, augmentation="counterfactual_gender", parent=f"{1:032x}"),
    row(6, offensive=None),
    row(7, "validation", source="other"),
    row(8, "test", source="other"),
    row(9),
]
Tokenised = Callable[..., Artifact]


@pytest.fixture
def tokenised(make_run: Callable[..., Run], tmp_path: Path) -> Tokenised:
    """tokenised("key=value", …, parts=2, pairs=[]): tokenise's artifact of ROWS; keys are those of tokenise.select."""

    def make(*settings: str, parts: int = 2, pairs: list[dict[str, Any]] | None = None) -> Artifact:
        root = tmp_path / f"root-{len(list(tmp_path.iterdir()))}"
        run = make_run([], [f"storage.root={root}", *SIZES, *(f"tokenise.select.{s}" for s in settings)])
        commit(run, "embed", 0)
        more = {"pairs": (pairs, PAIRS.append(pa.field("split", pa.string())))} if pairs else {}
        commit_parts(run, "balance", [ROWS[part::parts] for part in range(parts)], SCHEMA, **more)
        (artifact,) = execute(run, "tokenise")
        return artifact

    return make


def ids(artifact: Artifact, split: str) -> set[int]:
    rows = artifact.read(f"packed/{split}").to_table(columns=["row_ids"])["row_ids"].to_pylist()
    return {int(name, 16) for names in rows for name in names}


def test_without_a_query_all_rows_train_and_nothing_is_told_of_one(tokenised: Tokenised) -> None:
    artifact = tokenised()
    assert ids(artifact, "train") == {1, 2, 3, 4, 5, 6, 9}
    assert "query" not in artifact.metrics


def test_rows_must_fulfil_all_conditions_and_those_left_out_say_which_they_do_not(tokenised: Tokenised) -> None:
    query = ["sources=[own]", "topics=[sport]", "scores={offensive: {max: 0.1}}", "augmentation=none"]
    artifact, again = tokenised(*query), tokenised(*query, parts=3)
    assert ids(artifact, "train") == {1, 9}
    assert (ids(artifact, "validation"), ids(artifact, "test")) == ({7}, {8}), "the other splits are whole"
    assert artifact.ledger.dropped == {"not_in_query": 5}
    assert artifact.ledger.rows_in == 9
    why = {int(name, 16): evidence for name, (rule, evidence) in dropped(artifact).items() if rule == "not_in_query"}
    assert why == {
        2: {"condition": "sources", "value": "other"},
        3: {"condition": "topics", "value": "food"},
        4: {"condition": "scores.offensive", "value": 0.5},
        5: {"condition": "augmentation", "value": "counterfactual_gender"},
        6: {"condition": "scores.offensive"},
    }
    told = result_hash(of_row(f"{1:032x}") + of_row(f"{9:032x}"))
    assert artifact.metrics["query"] == again.metrics["query"] == {"rows": 2, "hash": told}
    assert tokenised("sources=[own]").metrics["query"]["hash"] != told


def test_a_query_is_part_of_the_fingerprint_and_of_the_rows_story(tokenised: Tokenised) -> None:
    artifact, plain = tokenised("topics=[food]"), tokenised()
    assert artifact.manifest["fingerprint"] != plain.manifest["fingerprint"]
    assert artifact.manifest["config"]["tokenise"]["select"]["topics"] == ["food"]
    run = Run.open(artifact.path.parents[2], "test")
    commit_parts(run, "acquire", [[ROWS[0]]], SCHEMA)
    told = [line for line in explain(run, ROWS[0]["row_id"]) if "tokenise" in line]
    assert told == ['  tokenise: dropped by rule not_in_query, evidence {"condition":"topics","value":"sport"}']


def test_held_out_splits_are_filtered_when_they_are_named(tokenised: Tokenised) -> None:
    artifact = tokenised("sources=[own]", "splits=[train, test]")
    assert (ids(artifact, "validation"), ids(artifact, "test")) == ({7}, set())


def test_pairs_of_rows_that_are_left_out_are_left_out(tokenised: Tokenised) -> None:
    sides = {"prompt": ROWS[0]["messages"][:1], "chosen": "I am well.", "rejected": "Guess."}
    pairs = [{**of, **sides, "pair_id": of["row_id"]} for of in ROWS[:3]]
    artifact = tokenised("topics=[sport]", pairs=pairs)
    assert artifact.metrics["pairs"]["train"]["rows"] == 2
    assert artifact.metrics["pairs_cut"]["not_in_query"] == 1


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("sources=[elsewhere]", r"select.sources: no row has 'elsewhere'; there are: other, own"),
        ("topics=[sport, fod]", r"select.topics: no row has 'fod'; there are: food, sport"),
        ("scores={ofensive: {max: 1}}", r"select.scores: the corpus has no score 'ofensive'; there are: offensive"),
        ("scores={offensive: {min: 0.9}}", r"no training row fulfils the query \(left out: 7 by scores.offensive\)"),
        ("nearest={texts: [hello], rows: 2}", r"select.nearest: embed has no vectors; run stage embed again"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(tokenised: Tokenised, setting: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        tokenised(setting)


def test_settings_that_say_nothing_are_refused() -> None:
    assert not Select().on
    assert Select(scores={"offensive": Range(max=0.1)}).on
    with pytest.raises(ValidationError, match="a range needs min or max"):
        Range()
    with pytest.raises(ValidationError, match=r"min \(2\) is above max \(1\)"):
        Range(min=2, max=1)
    with pytest.raises(ValidationError, match="must be given together"):
        Nearest(texts=("hello",))
    with pytest.raises(ValidationError, match="must be given together"):
        Nearest(rows=3)


def said(number: int, prompt: str, **columns: Any) -> dict[str, Any]:
    talk = [{"role": "user", "content": prompt}, {"role": "assistant", "content": "I see."}]
    return row(number, messages=talk, **columns)


def test_the_nearest_rows_with_copies_as_near_as_their_parents_and_generated_ones_encoded(
    make_run: Callable[..., Run], tmp_path: Path
) -> None:
    people = [said(1, "I have lost my password."), said(2, "Pasta is good."), said(3, "I ran a marathon.")]
    copy = said(4, "He is fond of opera.", augmentation="counterfactual_gender", parent=f"{1:032x}")
    made = said(5, "My password is lost, help me.", augmentation="generated")
    held_out = [said(6, "It rains.", split="validation"), said(7, "It snows.", split="test")]

    def query(nearest: str) -> Artifact:
        root = tmp_path / f"root-{len(list(tmp_path.iterdir()))}"
        run = make_run([], [f"storage.root={root}", *SIZES, f"tokenise.select.nearest={nearest}"])
        commit_parts(run, "deduplicate", [[*people, *held_out]], SCHEMA)
        execute(run, "embed")
        commit_parts(run, "balance", [[*people, copy], [made, *held_out]], SCHEMA)
        (artifact,) = execute(run, "tokenise")
        return artifact

    artifact = query("{texts: [I have lost my password, unheard of], rows: 3}")
    assert ids(artifact, "train") == {1, 4, 5}
    assert (ids(artifact, "validation"), ids(artifact, "test")) == ({6}, {7})
    for _, evidence in dropped(artifact).values():
        assert evidence["condition"] == "nearest"
        assert evidence["similarity"] < 0.5
        assert evidence["example"] in (1, 2)
    assert ids(query("{texts: [I have lost my password], min_similarity: 0.7}"), "train") == {1, 4, 5}
    with pytest.raises(UserError, match=r"nearest.rows: 6 are asked for, and 5 training rows fulfil all other"):
        query("{texts: [I have lost my password], rows: 6}")
