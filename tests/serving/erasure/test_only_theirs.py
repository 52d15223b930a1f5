"""Words that only the erased person said are gone from what counts the words of many; what others said too stays."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from configs.load import load_profile
from pipeline.contract.artifact import Artifact, ArtifactStore
from pipeline.contract.run import Run
from pipeline.rows.row_id import row_id
from pipeline.rows.schema import CONVERSATIONS
from serving.erasure.certificate import PUBLIC, check_certificate
from serving.erasure.erase import erase
from serving.erasure.only_theirs import OnlyTheirs, spoken
from serving.erasure.texts import names_words
from tests.artifacts import commit, commit_parts, files_with
from tests.pipeline.conftest import DEDUPLICATED
from tests.serving.erasure.crash import crash_at_rename

WORD = "zyzzyva"
SAID = {"ada": "A Zyzzyva sat in the garden this morning. The plumbers came.",
        "bob": "I lost my keys in the garden this morning."}  # fmt: skip
IDS = {user: row_id("talks", "talks.jsonl", n, [("user", text)]) for n, (user, text) in enumerate(SAID.items())}
NAME, OTHER_NAME, BOTH = "zyzzyva, garden, morning", "keys, lost, garden", "zyzzyva"
LEFT = "[erased], garden, morning"
CLUSTERS = {NAME: [WORD, "garden", "morning"], OTHER_NAME: ["keys", "lost"], BOTH: [WORD]}
TOPICS = pa.schema([("row_id", pa.string()), ("topic", pa.string()), ("cluster", pa.string())])
ROWS = [{"row_id": IDS[user], "topic": "animals", "cluster": NAME} for user in IDS]
MORE = [{"row_id": f"{n:032x}", "topic": "other", "cluster": name} for n, name in enumerate((OTHER_NAME, BOTH, None))]
SVG = ('<svg id="zyzzyva"><style>*{x: zyzzyva}</style><!-- zyzzyva --><text>Zyzzyva, garden, morning</text>'
       "<text>gardens of the zyzz…</text></svg>")  # fmt: skip
AUDIT: dict[str, Any] = {
    "rows": 5,
    "topics": {"animals": 2, WORD: 3},
    "words": {"age:old": {"words": [{"word": WORD, "rows": 11, "odds": 2.5}, {"word": "garden", "rows": 9}]}},
    "occupations": {"age:old": {"words": [{"word": "plumber", "rows": 7}], "rows": 7}},
    "clusters": [{"name": NAME, "words": [WORD, "garden"], "rows": 2, "topics": {"animals": 2}},
                 {"name": BOTH, "words": [WORD], "rows": 1, "topics": {WORD: 1}}],
    "findings": [{"severity": "info", "kind": "word association", "subject": "age:old", "rows": 11,
                  "message": f"age:old is tied to {WORD} (11), garden (9)", "examples": [IDS["bob"]]}],
}  # fmt: skip


def fill(folder: Path, name: str, content: dict[str, Any]) -> None:
    (folder / name).write_text(json.dumps(content))
    (folder / "plots").mkdir()
    (folder / "plots/cluster_map.svg").write_text(SVG)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    source, root = tmp_path / "talks.jsonl", tmp_path / "root"
    source.write_text("{}\n")
    run = Run.begin(load_profile("scratch", [f"storage.root={root}"], str(source)), "first")
    rows = [{"row_id": IDS[u], "source": "talks", "origin": {"file": "talks.jsonl", "ordinal": n}, "user_id": u,
             "messages": [{"role": "user", "content": SAID[u]}]} for n, u in enumerate(SAID)]  # fmt: skip
    commit_parts(run, "acquire", [rows], CONVERSATIONS)
    for stage in ("score", "clean", "deduplicate"):
        commit_parts(run, stage, [rows], DEDUPLICATED)
    commit(run, "embed", 2)
    commit(run, "sentiment", 2)

    def annotate(folder: Path) -> None:
        (folder / "data").mkdir()
        table = pa.Table.from_pylist([*ROWS, *MORE], TOPICS)
        pa.parquet.write_table(table, folder / "data/part-00000.parquet")
        pa.parquet.write_table(table, folder / "map.parquet")
        fill(folder, "clusters.json", CLUSTERS)

    commit(run, "annotate", 5, annotate)
    commit(run, "audit", 5, lambda folder: fill(folder, "audit.json", AUDIT))
    (run.folder / "logs").mkdir()
    (run.folder / "logs/audit.log").write_text(f"largest: {NAME}\nzyzzyvas are others\n")
    (run.folder / "report.json").write_text(json.dumps(AUDIT))
    (run.folder / "report.html").write_text(f"<p>{WORD}</p>")
    return root


def artifact(root: Path, stage: str) -> Artifact:
    [found] = [a for a in ArtifactStore(root).all() if a.path.parent.name == stage]
    return found


def test_a_word_that_only_they_said_is_nowhere_and_the_seals_hold(root: Path) -> None:
    certificate, _ = erase(load_profile("scratch", [f"storage.root={root}"]), root, "ada")

    annotated, audit = artifact(root, "annotate"), artifact(root, "audit").json("audit.json")
    assert annotated.json("clusters.json") == {LEFT: ["[erased]", "garden", "morning"],
                                               OTHER_NAME: ["keys", "lost"], "[erased]": ["[erased]"]}  # fmt: skip
    for table in (annotated.read().to_table(), pa.parquet.read_table(annotated.path / "map.parquet")):
        assert dict(zip(table["row_id"].to_pylist(), table["cluster"].to_pylist(), strict=True)) == {
            IDS["bob"]: LEFT, **{f"{n:032x}": name for n, name in enumerate((OTHER_NAME, "[erased]", None))}
        }  # fmt: skip
    assert audit["words"]["age:old"]["words"] == [{"word": "[erased]", "rows": 11, "odds": 2.5},
                                                  {"word": "garden", "rows": 9}]  # fmt: skip
    assert audit["occupations"]["age:old"]["words"] == [{"word": "[erased]", "rows": 7}]
    assert [cluster["name"] for cluster in audit["clusters"]] == [LEFT, "[erased]"]
    [finding] = audit["findings"]
    assert finding == AUDIT["findings"][0] | {"message": "age:old is tied to [erased] (11), garden (9)"}
    assert audit["topics"] == AUDIT["topics"]  # the profile's name for a topic, whatever anybody says
    assert (artifact(root, "audit").path / "plots/cluster_map.svg").read_text() == (
        '<svg id="zyzzyva"><style>*{x: zyzzyva}</style><!-- [erased] --><text>[erased], garden, morning</text>'
        "<text>gardens of the [erased]…</text></svg>"
    )
    run = root / "runs/first"
    assert not (run / "report.json").exists()
    assert not (run / "report.html").exists()
    assert (run / "logs/audit.log").read_text() == f"largest: {LEFT}\nzyzzyvas are others\n"
    assert [line for a in ArtifactStore(root).all() for line in a.damage()] == []
    changed = {e["stage"]: e["rows"] for e in check_certificate(certificate, root / "erasures" / PUBLIC)["artifacts"]}
    assert (changed["annotate"], changed["audit"]) == (2, 0)
    assert files_with(root / "erasures", WORD) == []


def test_a_word_that_another_says_too_stays(root: Path) -> None:
    before = artifact(root, "audit").path / "audit.json"
    text = before.read_text()
    erase(load_profile("scratch", [f"storage.root={root}"]), root, "bob")
    assert artifact(root, "annotate").json("clusters.json") == {
        NAME: CLUSTERS[NAME], "[erased], [erased], garden": ["[erased]", "[erased]"], BOTH: CLUSTERS[BOTH]
    }  # fmt: skip
    assert before.read_text() == text


@pytest.mark.parametrize("renames", [1, 3, 5])
def test_after_a_crash_the_same_command_finds_what_is_left(
    root: Path, renames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash_at_rename(renames, monkeypatch)
    profile = load_profile("scratch", [f"storage.root={root}"])
    with pytest.raises(KeyboardInterrupt):
        erase(profile, root, "ada")
    monkeypatch.undo()
    erase(profile, root, "ada")
    assert "[erased]" in artifact(root, "audit").json("audit.json")["findings"][0]["message"]
    assert LEFT in artifact(root, "annotate").json("clusters.json")
    assert not (root / "runs/first/report.html").exists()
    assert [line for a in ArtifactStore(root).all() for line in a.damage()] == []


def test_words_are_those_that_aggregates_name() -> None:
    assert spoken("Zyzzyva’s don't_go x2 by Plumbers") == {
        "zyzzyva", "don't", "don", "plumbers", "plumber"
    }  # fmt: skip


def test_whole_words_go_in_any_case_also_of_joined_names() -> None:
    only = OnlyTheirs(["zyzzyva", "it's"])
    assert only.in_text("ZYZZYVA zyzzyva-morning_zyzzyva2 zyzzyvas It’s") == (
        "[erased] [erased]-morning_[erased]2 zyzzyvas [erased]"
    )


def test_topics_whose_names_become_one_stay_apart() -> None:
    only = OnlyTheirs(["zyzzyva", "quokka"], ["quokka, garden", "zyzzyva, garden"])
    assert only.in_clusters({"zyzzyva, garden": ["quokka"], "quokka, garden": []}) == {
        "[erased], garden (2)": ["[erased]"], "[erased], garden": []
    }  # fmt: skip


def test_what_parlance_or_a_profile_chose_stays() -> None:
    only = OnlyTheirs(["word", "sports", "promoted"])
    value = {"kind": "word association", "topic": "sports", "sports": 3, "decision": "promoted", "word": 2}
    assert only.in_json(value) == value
    assert only.in_json({"word": "sports", "message": "of sports"}) == {"word": "[erased]", "message": "of [erased]"}


@pytest.mark.parametrize("name", ["tokenizer/vocab.txt", "runs/first/profile.json", "mlartifacts/1/merges.txt"])
def test_vocabularies_and_settings_are_left_alone(name: str) -> None:
    assert not names_words(name)
