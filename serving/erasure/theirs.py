"""What of somebody lies in artifacts, and in the parts that those are made of."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.acquire.slices import file_label
from pipeline.contract.artifact import PARTS, Artifact, ArtifactStore
from pipeline.contract.parts import PartStore
from pipeline.contract.stages import STAGES
from pipeline.rows.bans import Bans
from serving.erasure.rows import conversations_of, held, ids_made_of, ids_that_say, origins_of

Turns = list[tuple[str, str]]
LEARNED_FROM = ("packed/train", "pairs/train")


@dataclass
class Theirs:
    """What of somebody lies in artifacts and parts. rows: ids, of their conversations and of what was made of them.
    conversations: (role, content) pairs of each. texts: what they wrote, in any stage's words. files: content hashes of
    the raw files that hold it. sources: file of a source to conversations of theirs, as acquire read them."""

    rows: set[str] = field(default_factory=set)
    conversations: list[Turns] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    sources: Counter[str] = field(default_factory=Counter)


def find(root: Path, user: str, elsewhere: Iterable[Turns] = ()) -> Theirs:
    """What lies under a root of somebody whom the sources name by their id. elsewhere: more conversations of theirs.

    A conversation that names nobody and says the same as one of theirs is theirs, as it is for the bans: those under
    the root count too, since an erasure that was interrupted has written there what it has deleted elsewhere since.
    """
    theirs = Theirs()
    for row in rows_of(root, user):
        theirs.rows.add(row["row_id"])
        theirs.conversations.append([(m["role"], m["content"]) for m in row["messages"]])
    said = Bans.read(root).adding(user, [*theirs.conversations, *elsewhere], [])
    read = _of(root, "acquire")
    for path in _each_once(path for whole in read for path in _data(whole)):
        theirs.rows |= ids_that_say(path, said)
    places: dict[str, str] = {}
    for whole in read:
        for row in origins_of(_data(whole), theirs.rows):
            places[row["row_id"]] = f"{row['source']}/{row['origin']['file']}"
            theirs.files.add(_content(whole, row["source"], row["origin"]["file"]))
    theirs.sources.update(places.values())
    for whole in _of(root, "balance"):
        theirs.rows |= ids_made_of(whole.path / "data", theirs.rows)
    for path in files_of_conversations(root):
        theirs.texts |= _written(path, theirs.rows)
    return theirs


def files_of_conversations(root: Path) -> list[Path]:
    """Files whose rows say what they said, in any stage's words, each once."""
    worded = (whole for whole in _all(root) if STAGES[whole.path.parent.name].conversations)
    return list(_each_once(path for whole in worded for path in _data(whole)))


def rows_of(root: Path, user: str) -> list[dict[str, Any]]:
    """The rows of raw conversations that name a user, each once."""
    paths = _each_once(path for whole in _of(root, "acquire") for path in _data(whole))
    found = (row for path in paths for row in conversations_of(path, user))
    return list({row["row_id"]: row for row in found}.values())


def learned_rows(root: Path, theirs: Theirs) -> dict[str, int]:
    """Fingerprint of a training to how many of the rows it learned from; of those that had any."""
    found = {}
    for training in _of(root, "train"):
        packed = ArtifactStore(root).at("tokenise", training.manifest["inputs"]["tokenise"])
        files = [p for name in LEARNED_FROM for p in (packed.path / name).glob("*.parquet")]
        rows = set().union(*(held(path, theirs.rows) for path in files))
        if rows:
            found[training.manifest["fingerprint"]] = len(rows)
    return found


def _all(root: Path) -> list[Artifact]:
    return [*ArtifactStore(root).all(), *PartStore(root).all()]


def _of(root: Path, stage: str) -> list[Artifact]:
    """What a stage made, artifacts and parts."""
    return [whole for whole in _all(root) if whole.path.parent.name == stage]


def _data(whole: Artifact) -> list[Path]:
    """The files of rows that go on, of an artifact or a part."""
    return sorted((*whole.path.glob("data/*.parquet"), *whole.path.glob("data.parquet")))


def _each_once(paths: Iterable[Path]) -> Iterator[Path]:
    """Those of the paths that are names of different files: those of artifacts are further names of parts'."""
    seen = set()
    for path in paths:
        stat = path.stat()
        if (identity := (stat.st_dev, stat.st_ino)) not in seen:
            seen.add(identity)
            yield path


def _content(whole: Artifact, source: str, file: str) -> str:
    """The content hash of a raw file, as the fingerprint of what was read from it has it."""
    inputs = whole.manifest["inputs"]
    if whole.path.parents[1].name == PARTS:
        return inputs[file_label(file)]
    return inputs.get(f"{source}/{file}") or inputs[source]


def _written(path: Path, rows: set[str]) -> set[str]:
    """What users say in those of the rows that a file holds."""
    if not held(path, rows):
        return set()
    mine = pq.read_table(path, columns=["messages"], filters=[("row_id", "in", rows)])
    return {m["content"] for row in mine["messages"].to_pylist() for m in row if m["role"] == "user"}
