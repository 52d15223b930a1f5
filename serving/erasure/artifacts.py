"""A person's rows taken out of every artifact and part under a root."""

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from configs.errors import UserError
from pipeline.acquire.batches import ERASED
from pipeline.contract.artifact import Artifact, ArtifactStore, Ledger
from pipeline.contract.garbage import half_deleted, remove
from pipeline.contract.parts import PartStore
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.index.qdrant_edge import rewrite
from pipeline.rows.row_id import row_id
from pipeline.rows.schema import DROPPED
from serving.erasure.rows import held, names_in, rename, take_documents, take_rows
from serving.erasure.texts import is_text, names_words, scrub_file, scrubbed
from serving.erasure.theirs import Theirs
from serving.erasure.words import Words

RULE = "erased"
ORDER = [*STAGES]
NAME_TOPICS = ("annotate", "reannotate")
"""Stages whose column `cluster` holds names of discovered topics."""


def take_out(store: ArtifactStore, theirs: Theirs, words: Words, at: str, vectors: Any) -> Iterator[dict[str, Any]]:
    """Rewrites every artifact that holds something; yields {stage, fingerprint, rows, files} of each.

    Those of acquire, by which the rows are known, come last: after a crash, the same is found again.
    words: of `theirs`. vectors: the section of the profile, for collections on a Qdrant server.
    """
    artifacts = sorted(store.all(), key=lambda a: -ORDER.index(a.path.parent.name))
    for artifact in artifacts:
        changes = _changes(store, artifact, theirs.rows, words)
        remote = artifact.path.parent.name == "index" and _remote(store, artifact, theirs.rows, vectors)
        if not changes and not remote:
            continue
        with store.rewriting(artifact) as (copy, manifest):
            rows = sum(_apply(copy, name, theirs.rows, words, manifest) for name in sorted(changes))
            manifest["erasures"] = [*manifest.get("erasures", []), {"at": at, "rows": rows}]
        named = {"stage": artifact.path.parent.name, "fingerprint": artifact.path.name}
        yield named | {"rows": rows, "files": len(changes)}


def remove_parts(root: Path, stages: Iterable[str], rows: set[str]) -> Iterator[dict[str, Any]]:
    """Deletes the parts of some stages that hold any of the rows; yields {stage, fingerprint} of each.

    What has their files too is rewritten on its own. Nobody looks for such a part again: what it was made of is gone,
    and acquire makes parts by the bans.
    """
    for part in PartStore(root).all():
        stage = part.path.parent.name
        if stage in stages and any(held(path, rows) for path in part.path.rglob("*.parquet")):
            remove(part.path)
            yield {"stage": stage, "fingerprint": part.path.name}


def leftovers(root: Path) -> list[str]:
    """Deletes what may hold rows that nobody can account for: what killed attempts and interrupted deletions left, and
    artifacts and parts that are not what was committed, which no run uses. Raises UserError while an attempt works.
    """
    store, parts = ArtifactStore(root), PartStore(root)
    store.recover()
    found = store.leftovers()
    for left in found:
        if store.is_held(left):
            raise UserError(f"{left}: a run is at work; wait until it has ended, or stop it, and erase then")
    found += [*parts.sweep(), *half_deleted(root)]
    found += [whole.path for whole in (*store.all(), *parts.all()) if not whole.sealed]
    for left in found:
        shutil.rmtree(left, ignore_errors=True)
    return [left.relative_to(root).as_posix() for left in found]


def _changes(store: ArtifactStore, artifact: Artifact, rows: set[str], words: Words) -> set[str]:
    """Names of the artifact's files that hold something."""
    found = set()
    for path in artifact.path.rglob("*"):
        name = path.relative_to(artifact.path).as_posix()
        if path.suffix == ".parquet":
            if held(path, rows) or _named(artifact.path.parent.name, path, words):
                found.add(name)
        elif is_text(name) and scrubbed(path, words, names_words(name)) is not None:
            found.add(name)
    if (artifact.path / "store").is_dir() and _indexed(store, artifact, rows):
        found.add("store")
    return found


def _named(stage: str, path: Path, words: Words) -> bool:
    """Whether a file names topics that their words name."""
    names = words.only.names.keys()
    return bool(names) and stage in NAME_TOPICS and not names.isdisjoint(names_in(path, "cluster"))


def _indexed(store: ArtifactStore, index: Artifact, rows: set[str]) -> bool:
    """Whether an index has points of the rows, by the conversations that it was made of, which are rewritten later. The
    files of a store that was taken over from an earlier one may hold what is no point any more."""
    if index.manifest["timing"].get("parts", {}).get("taken_over"):
        return True
    balance = store.at("balance", index.manifest["inputs"]["balance"]).path / "data"
    return not balance.is_dir() or any(held(path, rows) for path in balance.glob("*.parquet"))


def _apply(copy: Path, name: str, rows: set[str], words: Words, manifest: dict[str, Any]) -> int:
    """Takes out of one file of an artifact's copy what is theirs; returns the rows, and accounts for them."""
    path, ledger = copy / name, manifest["ledger"]
    if name == "store":
        return _take_points(path, rows)
    if path.suffix != ".parquet":
        scrub_file(path, words, names_words(name))
        return 0
    if _named(manifest["stage"], path, words):
        rename(path, "cluster", words.only.in_column)
    if name.startswith("packed/"):
        gone = len(held(path, rows))
        take_documents(path, rows, _padding(copy))
        ledger.rows_out -= gone
        ledger.rows_in -= gone
        return gone
    if manifest["stage"] == "acquire" and name.startswith("data/"):
        return _quarantine(copy, path, rows, ledger)
    taken = take_rows(path, rows)
    if name.startswith("data/"):
        ledger.rows_out -= taken.rows
        for kind, number in taken.added.items():
            known = kind if kind in ledger.added else next(iter(ledger.added), "")
            if known and number:
                ledger.added[known] -= number
    elif name.startswith("dropped/"):
        for rule, number in taken.by_rule.items():
            ledger.dropped[rule] -= number
    else:
        return taken.rows
    ledger.added = {kind: number for kind, number in ledger.added.items() if number}
    ledger.dropped = {rule: number for rule, number in ledger.dropped.items() if number}
    ledger.rows_in = ledger.rows_out + sum(ledger.dropped.values()) - sum(ledger.added.values())
    return taken.rows


def _quarantine(copy: Path, path: Path, rows: set[str], ledger: Ledger) -> int:
    """Rows of acquire become quarantined records, as reading the sources again would make them."""
    gone = pq.read_table(path, columns=["source", "origin"], filters=[("row_id", "in", rows)]).to_pylist()
    take_rows(path, rows)
    evidence = json.dumps({"detail": ERASED})
    records = [
        {"row_id": row_id(r["source"], r["origin"]["file"], r["origin"]["ordinal"], []), "rule": RULE, **r}
        | {"evidence": evidence}
        for r in gone
    ]
    folder = copy / "dropped"
    folder.mkdir(exist_ok=True)
    number = len(list(folder.glob("*.parquet")))
    pq.write_table(
        pa.Table.from_pylist(sorted(records, key=lambda r: r["row_id"]), DROPPED),
        folder / f"part-{number:05d}.parquet",
        compression="zstd",
    )
    ledger.rows_out -= len(records)
    ledger.dropped[RULE] = ledger.dropped.get(RULE, 0) + len(records)
    return len(records)


def _padding(tokenised: Path) -> int:
    from pipeline.contract.tokenizer import saved_tokenizer

    return int(saved_tokenizer(tokenised / "tokenizer").pad_token_id)


def _take_points(store: Path, rows: set[str]) -> int:
    """Qdrant Edge writes into its files, which are links here: it gets a copy."""
    own = store.with_name("store.own")
    shutil.copytree(store, own)
    shutil.rmtree(store)
    own.rename(store)
    return rewrite(store, lambda payload: payload.get("row_id") not in rows)


def _remote(store: ArtifactStore, index: Artifact, rows: set[str], vectors: Any) -> bool:
    """Deletes the points of the rows in an index's collection on a Qdrant server; whether there were any."""
    about = index.json("index.json")
    if not about["url"] or not _indexed(store, index, rows):
        return False
    from pipeline.index.qdrant_server import ServerStore

    points = ServerStore.find(vectors, about["collection"])
    if points is None:  # newer ones have taken its place, and it was deleted
        return False
    for row in sorted(rows):
        points.delete({"row_id": row})
    points.close()
    return True


def runs_of(root: Path) -> list[Run]:
    """The runs under a root."""
    folders = (f for f in sorted((root / "runs").glob("*")) if (f / "profile.json").is_file() and not f.is_symlink())
    return [Run(folder) for folder in folders]
