"""One run of the pipeline: a resolved profile, and the artifacts that follow from it."""

import json
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from configs.errors import UserError
from configs.profile import Profile
from pipeline.contract.artifact import Artifact, ArtifactStore
from pipeline.contract.atomic_write import write_text
from pipeline.contract.fingerprint import FileHashes, fingerprint
from pipeline.contract.frozen_profile import read_profile, write_profile
from pipeline.contract.run_folder import LATEST, claim, folder_name, folder_of
from pipeline.contract.stage import config_slice
from pipeline.contract.stages import STAGES, stages_of


class Run:
    """runs/<run id>/ under the root: profile.json, stages/<name>.json, logs, report.

    The profile is fixed when the run begins, so every task of the run sees the same one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        self.store = ArtifactStore(self.root)
        self._fingerprints: dict[str, str] = {}

    @classmethod
    def begin(cls, profile: Profile, run_id: str | None = None) -> "Run":
        """Creates (or, with the same profile, continues) a run and points runs/latest at it."""
        run_id = run_id or datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        folder = Path(profile.storage.root).resolve() / "runs" / folder_name(run_id)
        try:
            (folder / "stages").mkdir(parents=True, exist_ok=True)
            claim(folder, run_id)
            write_profile(folder, profile)
        except OSError as error:
            raise UserError(
                f"storage.root: {folder} cannot be written ({error.strerror}); choose a writable folder"
            ) from error
        link = folder.parent / LATEST
        new = folder.parent / f".latest.{folder.name}"
        new.unlink(missing_ok=True)
        new.symlink_to(folder.name)
        new.replace(link)
        return cls(folder)

    @classmethod
    def open(cls, root: Path, run_id: str = LATEST) -> "Run":
        """An existing run, by its id or its folder's name. Raises UserError when there is none.

        run_id: as Airflow says it, of another DAG than train_chat_model with the DAG before it, as DAG/RUN.
        """
        runs = root.resolve() / "runs"
        folder = (runs / LATEST).resolve() if run_id == LATEST else folder_of(runs, run_id)
        if not (folder / "profile.json").is_file():
            raise UserError(f"{root / 'runs' / run_id}: no such run; `parlance run` or `make demo` makes one")
        return cls(folder)

    @property
    def root(self) -> Path:
        return self.folder.parent.parent

    @cached_property
    def profile(self) -> Profile:
        return read_profile(self.folder)

    @cached_property
    def file_hashes(self) -> FileHashes:
        return FileHashes(self.root / "raw-hashes.json")

    def fingerprint(self, name: str) -> str:
        """The fingerprint of a stage's artifact in this run; needs no artifact to exist."""
        if name not in self._fingerprints:
            stage = STAGES[name]
            self._fingerprints[name] = fingerprint(
                stage.name, stage.version, config_slice(stage, self.profile), self.input_fingerprints(name)
            )
        return self._fingerprints[name]

    def input_fingerprints(self, name: str) -> dict[str, str]:
        """Input stage to fingerprint, and raw file to content hash."""
        found = {other: self.fingerprint(other) for other in STAGES[name].inputs}
        return found | STAGES[name].raw_inputs(self.profile, self.file_hashes)

    def find(self, name: str) -> Artifact | None:
        """The stage's artifact, or None when it has not been made."""
        return self.store.find(name, self.fingerprint(name))

    def artifact(self, name: str) -> Artifact:
        """The stage's artifact. Raises UserError when it has not been made."""
        found = self.find(name)
        if found is None:
            raise UserError(f"run {self.id}: stage {name} has no artifact yet; run `parlance stage {name}` first")
        return found

    def is_cached(self, task: str) -> bool:
        """Whether every stage of a task has its artifact."""
        return all(self.find(stage.name) is not None for stage in stages_of(task))

    def record(self, name: str, print_: str, cached: bool, seconds: float, started: datetime) -> None:
        """Notes a stage's outcome. A later, cached visit does not hide that this run made the artifact."""
        path = self.folder / "stages" / f"{name}.json"
        if cached and path.is_file() and json.loads(path.read_text())["fingerprint"] == print_:
            return
        outcome = {
            "name": name,
            "fingerprint": print_,
            "cached": cached,
            "seconds": round(seconds, 3),
            "started": started.isoformat(timespec="seconds"),
        }
        write_text(path, json.dumps(outcome))

    def outcomes(self) -> dict[str, dict[str, Any]]:
        """What each stage that has run recorded."""
        folder = self.folder / "stages"
        return {n: json.loads((folder / f"{n}.json").read_text()) for n in STAGES if (folder / f"{n}.json").is_file()}
