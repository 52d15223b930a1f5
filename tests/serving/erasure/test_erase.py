"""A person is gone from a whole root: sessions, memory, feedback, artifacts, reports and logs; and stays out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from configs.errors import UserError
from configs.load import load_profile
from configs.profile import Profile
from eval import registry
from pipeline.cli import main
from pipeline.contract.artifact import Artifact, ArtifactStore
from pipeline.contract.run import Run
from pipeline.contract.tokenizer import saved_tokenizer
from pipeline.index.qdrant_edge import EdgeStore
from pipeline.index.store import point_id
from pipeline.review.marks import Mark
from pipeline.review.marks import append as append_mark
from pipeline.rows.row_id import row_id
from pipeline.rows.schema import CONVERSATIONS
from pipeline.tokenise.documents import Document
from pipeline.tokenise.packing import write_packed
from serving.dialogue.dialogue import database_of
from serving.dialogue.feedback import append
from serving.dialogue.sessions import Sessions
from serving.erasure.certificate import PUBLIC, check_certificate
from serving.erasure.erase import erase
from serving.keys import Keys
from tests.artifacts import commit, commit_parts, files_with
from tests.pipeline.conftest import BALANCED, DEDUPLICATED
from tests.servers import write_model
from tests.serving.erasure.crash import crash_at_rename

WORD = "zyzzyva"
ASKED = f"What does a {WORD} eat when the winter comes to the valley?"
TALKS = {"ada": [("user", ASKED), ("assistant", f"A {WORD} eats palms.")],
         "bob": [("user", "What is for lunch today?"), ("assistant", "Soup and bread.")]}  # fmt: skip
SOURCE, FILE = "conversations-000001", "conversations-000001.jsonl"
IDS = {user: row_id(SOURCE, FILE, n, turns) for n, (user, turns) in enumerate(TALKS.items())}
COUNTERFACTUAL = "c" * 32
SAMPLES = [
    {"prompt": [{"role": "user", "content": TALKS[u][0][1]}], "reference": "r", "reply": f"{u} reply", "row_id": IDS[u]}
    for u in TALKS
]


def messages(user: str) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in TALKS[user]]


def fill_index(folder: Path) -> None:
    store = EdgeStore(folder / "store", 4)
    payloads = [{"row_id": IDS[u], "segment": 0, "text": TALKS[u][0][1]} for u in TALKS]
    store.upsert([point_id(IDS[u], 0) for u in TALKS], np.eye(4, dtype=np.float32)[:2], payloads)
    store.flush()
    store.close()
    about = {"engine": "qdrant-edge", "collection": "c", "points": 2, "dimensions": 4, "url": None}
    (folder / "index.json").write_text(json.dumps(about))


def fill_tokenise(folder: Path) -> None:
    write_model(folder / "tokenizer")
    tokenizer = saved_tokenizer(folder / "tokenizer")
    documents = []
    for user in TALKS:
        ids = np.array(tokenizer.encode(" ".join(text for _, text in TALKS[user])), np.int32)
        documents.append(Document(IDS[user], ids, np.ones(len(ids), bool), 0))
    for split in ("train", "validation", "test"):
        (folder / "packed" / split).mkdir(parents=True)
        write_packed([documents], folder / "packed" / split / "part-00000.parquet", 200, tokenizer.pad_token_id)


def fill_promote(folder: Path) -> None:
    (folder / "model").mkdir()
    (folder / "model/README.md").write_text(f"# A model\n\n| {ASKED} | palms |\n| Hello | Hi |\n")
    (folder / "promotion.json").write_text(json.dumps({"decision": "promoted"}))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with all of it, of two people."""
    return filled(tmp_path / "root")


def filled(root: Path) -> Path:
    for user in TALKS:
        append(root / "feedback", "conversations", [{"user_id": user, "messages": messages(user)}])
    run = Run.begin(load_profile("scratch", [f"storage.root={root}"], str(root / "feedback")), "first")
    kept = [{"row_id": IDS[u], "split": "train", "messages": messages(u)} for u in TALKS]
    made = {
        "row_id": COUNTERFACTUAL,
        "messages": messages("ada"),
        "augmentation": "counterfactual",
        "parent": IDS["ada"],
    }
    origin = [{"file": FILE, "ordinal": n} for n in range(2)]
    read = [{"row_id": IDS[u], "source": SOURCE, "origin": o, "user_id": u, "messages": messages(u)}
            for u, o in zip(TALKS, origin, strict=True)]  # fmt: skip
    vectors = pa.schema([("row_id", pa.string()), ("segment", pa.int32()), ("vector", pa.list_(pa.float32(), 2))])
    segments = [{"row_id": IDS[u], "segment": 0, "vector": [1.0, 0.0]} for u in TALKS]
    commit_parts(run, "acquire", [read], CONVERSATIONS)
    for stage in ("score", "clean", "deduplicate"):
        commit_parts(run, stage, [kept], DEDUPLICATED)
    commit_parts(run, "embed", [segments], vectors)
    for stage in ("sentiment", "annotate", "audit", "review", "base"):
        commit(run, stage, 2)
    commit_parts(run, "balance", [[*kept, made]], BALANCED)
    commit(run, "index", 3, fill_index)
    commit(run, "tokenise", 2, fill_tokenise)
    commit(run, "train", 2, lambda out: (out / "training.json").write_text(json.dumps({"validation_samples": SAMPLES})))
    commit(run, "evaluate", 2, lambda out: (out / "samples.json").write_text(json.dumps(SAMPLES)))
    commit(run, "promote", 2, fill_promote)
    (run.folder / "logs").mkdir()
    (run.folder / "logs/train.log").write_text(f"step 1\nprompt: {ASKED}\nstep 2\n")
    (run.folder / "report.json").write_text(json.dumps({"samples": SAMPLES}))
    (run.folder / "report.html").write_text(f"<p>{ASKED}</p>")
    append_mark(root, Mark(IDS["ada"], "kept", "clean", "f" * 64, "eve", "2026-01-01", True, f"says {WORD}"))
    database = database_of(run.profile, root)
    for user, [(_, asked), (_, answered)] in TALKS.items():
        begun = Sessions(database).begin(user, None, asked)
        Sessions(database).finish(begun.message_id, answered, "stop")
    database.close()
    return root


def profile_of(root: Path) -> Profile:
    return load_profile("scratch", [f"storage.root={root}", 'serving.dialogue.backups=["s3://copies"]'])


def artifact(root: Path, stage: str) -> Artifact:
    [found] = [a for a in ArtifactStore(root).all() if a.path.parent.name == stage]
    return found


def register(root: Path) -> str:
    """Registers what was trained; the registry's address."""
    uri = f"sqlite:///{root / 'mlflow.db'}"
    run = registry.log_run(uri, "e", root / "mlartifacts", "r", {}, {})
    print_ = artifact(root, "train").path.name
    folder = artifact(root, "promote").path / "model"
    registry.register(uri, "parlance-chat", folder, folder, run, {"train": print_})
    return uri


def test_nothing_of_a_person_is_left_and_everything_of_the_other_is(root: Path) -> None:
    uri = register(root)
    Keys(root).add("ada")
    before = files_with(root, WORD)
    assert len(before) > 15
    store_before = {a.path.parent.name: a.manifest["fingerprint"] for a in ArtifactStore(root).all()}

    certificate, remaining = erase(profile_of(root), root, "ada")

    assert remaining == []
    assert files_with(root, WORD) == []
    assert [line for a in ArtifactStore(root).all() for line in a.damage()] == []
    assert {a.path.parent.name: a.manifest["fingerprint"] for a in ArtifactStore(root).all()} == store_before
    for stage in ("acquire", "score", "clean", "deduplicate", "embed", "balance"):
        assert artifact(root, stage).read().to_table()["row_id"].to_pylist() == [IDS["bob"]]
    ledger = artifact(root, "acquire").ledger
    assert (ledger.rows_in, ledger.rows_out, ledger.dropped) == (2, 1, {"erased": 1})
    assert [s["reply"] for s in artifact(root, "evaluate").json("samples.json")] == ["[erased]", "bob reply"]
    assert EdgeStore.copy_of(artifact(root, "index").path / "store").count() == 1
    packed = artifact(root, "tokenise").read("packed/train").to_table().to_pylist()
    assert packed[0]["row_ids"] == [IDS["bob"]]
    assert (root / "feedback" / FILE).read_text().count("\n") == 1
    assert (root / "runs/first/logs/train.log").read_text() == "step 1\n[erased]\nstep 2\n"
    database = database_of(profile_of(root), root)
    assert not Sessions(database).conversations("ada")
    assert len(Sessions(database).conversations("bob")) == 1
    database.close()

    card = (artifact(root, "promote").path / "model/README.md").read_text()
    assert "1 of the rows that it learned from were erased" in card
    assert registry.numbered(uri, "parlance-chat", 1).tags["erased_rows"] == "1"
    statement: dict[str, Any] = check_certificate(certificate, root / "erasures" / PUBLIC)
    assert statement["models"] == [
        {"training": store_before["train"], "rows": 1, "versions": ["parlance-chat version 1"]}
    ]
    assert statement["keys"] == 1
    assert Keys(root).all() == []
    assert statement["backups_not_ours"] == ["s3://copies"]
    assert statement["sessions"] == {"conversations": 1, "messages": 2, "facts": 0, "segments": 0}
    assert '"ada"' not in certificate.read_text()


def test_a_run_over_the_same_sources_finds_nothing_stale(root: Path) -> None:
    foreign = root.parent / "elsewhere.jsonl"
    foreign.write_text((root / "feedback" / FILE).read_text())
    begin = lambda name: Run.begin(load_profile("scratch", [f"storage.root={root}"], str(foreign)), name)  # noqa: E731
    before = begin("before")
    rows = [{"row_id": "d" * 32, "source": "elsewhere", "origin": {"file": foreign.name, "ordinal": 0},
             "user_id": "ada", "messages": messages("ada")}]  # fmt: skip
    commit_parts(before, "acquire", [rows], CONVERSATIONS)
    untouched = Run.begin(load_profile("scratch", [f"storage.root={root}"]), "packages").fingerprint("train")

    certificate, _ = erase(profile_of(root), root, "ada")

    assert begin("after").fingerprint("acquire") != before.fingerprint("acquire")
    assert begin("after").fingerprint("train") != before.fingerprint("train")
    assert Run.begin(load_profile("scratch", [f"storage.root={root}"]), "again").fingerprint("train") == untouched
    statement = json.loads(certificate.read_text())["statement"]
    assert list(statement["sources_not_ours"].values()) == [1]


def test_nothing_begins_while_a_run_is_at_work(root: Path) -> None:
    store = ArtifactStore(root)
    with store.building("score", "f" * 64, resume=False), pytest.raises(UserError, match="a run is at work"):
        erase(profile_of(root), root, "ada")
    assert files_with(root, WORD)


def test_after_a_crash_amid_the_artifacts_the_same_command_goes_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crash_at_rename(3, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        erase(profile_of(root), root, "ada")
    monkeypatch.undo()
    assert erase(profile_of(root), root, "ada")[1] == []
    assert files_with(root, WORD) == []
    assert [line for a in ArtifactStore(root).all() for line in a.damage()] == []


def test_a_person_gets_what_is_kept_of_them_and_of_nobody_else(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "ada.json"
    assert main(["export", "--user", "ada", "--out", str(out), "--root", str(root), "--profile", "scratch"]) == 0
    found = json.loads(out.read_text())
    assert [m["content"] for m in found["kept_by_the_server"]["messages"]] == [text for _, text in TALKS["ada"]]
    assert [record["messages"] for record in found["feedback"]] == [messages("ada")]
    assert [row["row_id"] for row in found["rows_in_artifacts"]] == [IDS["ada"]]
    assert "lunch" not in out.read_text()


def test_the_command_erases_and_checks_its_certificate(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--root", str(root), "--profile", "scratch"]
    assert main(["erase", "--user", "ada", *where]) == 0
    [certificate] = (root / "erasures").glob("erasure-*.json")
    assert main(["erase", "--check", str(certificate), *where]) == 0
    assert '"remaining": []' in capsys.readouterr().out
    certificate.write_text(certificate.read_text().replace('"begun": "2', '"begun": "1'))
    assert main(["erase", "--check", str(certificate), *where]) == 2
    assert files_with(root, WORD) == []
