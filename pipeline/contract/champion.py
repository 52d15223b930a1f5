"""Which model is in use, for whoever reads artifacts and no registry: a note under the root.

Whoever makes a champion, or calls one back, writes it. A champion that somebody makes in MLflow itself is noted by the
next run that comes to promote.
"""

from pathlib import Path

from pipeline.contract.artifact import Artifact, ArtifactStore
from pipeline.contract.sealed_json import DamagedError, read_sealed, write_sealed
from pipeline.contract.shared_files import share
from pipeline.contract.stages import STAGES


def note_champion(root: Path, name: str, version: int, tags: dict[str, str]) -> None:
    """tags: the registered version's, which name the artifacts that promote read."""
    made = {stage: tags[stage] for stage in STAGES["promote"].inputs if stage in tags}
    if made:
        note = _note(root, name)
        note.parent.mkdir(exist_ok=True)
        write_sealed(note, {"version": version, "artifacts": made})
        share(note)


def champion_artifact(store: ArtifactStore, model: str, stage: str) -> tuple[int, Artifact] | None:
    """The champion's version, and the artifact of a stage that it was made from; None without a champion, or when what
    it was made from is gone or damaged. model: promote.model_name."""
    try:
        note = read_sealed(_note(store.root.parent, model), "the next promotion writes it again")
        found: dict[str, str] = dict(note["artifacts"])
        for name in reversed(STAGES):
            if name in found and (artifact := store.find(name, found[name])):
                if name == stage:
                    return note["version"], artifact
                found = {**artifact.manifest["inputs"], **found}
    except (FileNotFoundError, DamagedError):
        pass
    return None


def champion_noted(root: Path, model: str) -> float | None:
    """When the model in use became so (seconds since 1970); None without one."""
    note = _note(root, model)
    return note.stat().st_mtime if note.is_file() else None


def _note(root: Path, name: str) -> Path:
    return root / "champions" / f"{name}.json"


def champion_fingerprint(root: Path, model: str, stage: str) -> str | None:
    """The fingerprint of the artifact that the model in use was made of, of one of promote's inputs; it may be gone."""
    try:
        note = read_sealed(_note(root, model), "the next promotion writes it again")
    except (FileNotFoundError, DamagedError):
        return None
    return note["artifacts"].get(stage)
