"""The corpora that a run is compared with, as the profile names them: runs, artifacts, files, folders."""

from collections.abc import Iterator
from pathlib import Path

from configs.deduplicate import Deduplicate
from configs.errors import UserError
from configs.profile import Profile
from pipeline.contract.artifact import MANIFEST, ArtifactStore
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.mirror import Mirror, root_folder
from pipeline.contract.raw_inputs import file_hashes
from pipeline.contract.sealed_json import read_sealed
from pipeline.rows.ranges import Kind

DATA = ("deduplicate", "balance")
"""Stages whose rows a run has accepted; the later one is taken when a run is named."""


def raw_inputs(profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """Label to content hash of every file that the earlier corpora and evaluation sets are made of."""
    files = list(reference_files(profile.deduplicate, profile.storage.root))
    return dict(zip((label for label, _ in files), file_hashes("deduplicate", files, hashes), strict=True))


def reference_files(config: Deduplicate, root: str) -> Iterator[tuple[str, Path]]:
    """(label, file) of what the reference corpora are made of: a manifest for an artifact, else every file."""
    for key, _, names in declared(config):
        for name in names:
            place = locate(key, name, root)
            if (place / MANIFEST).is_file():
                yield f"{key}/{name}/{MANIFEST}", place / MANIFEST
                continue
            files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
            yield from ((f"{key}/{name}/{file.name}", file) for file in files if not file.name.startswith("."))


def declared(config: Deduplicate) -> Iterator[tuple[str, Kind, list[str]]]:
    yield "deduplicate.earlier", "earlier", config.earlier
    yield "deduplicate.evaluation_sets", "evaluation", config.evaluation_sets


def locate(key: str, name: str, root: str) -> Path:
    """The file or folder that an entry of the profile means; of a run, its latest artifact with accepted rows.

    Raises UserError when there is none.
    """
    folder = root_folder(root)
    if mirror := Mirror.of(folder):
        mirror.pull_small(f"runs/{name}")
    stages = folder / "runs" / name / "stages"
    if stages.is_dir() and name != "latest":
        for stage in reversed(DATA):
            if (stages / f"{stage}.json").is_file():
                remedy = f"run its stage {stage} again, or name the artifact's folder"
                made = read_sealed(stages / f"{stage}.json", remedy)["fingerprint"]
                return ArtifactStore(folder).known(stage, made).path
        raise UserError(f"{key}: run {name} has accepted no rows yet; let its stage deduplicate finish first")
    if Path(name).exists():
        return Path(name)
    raise UserError(f"{key}: {name} is neither a run under {root} nor a file or folder; correct the entry")
