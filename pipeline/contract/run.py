"""One run of the pipeline: a resolved profile, and the artifacts that follow from it."""

from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from configs.addresses import joined
from configs.errors import UserError
from configs.profile import Profile
from pipeline.contract.artifact import Artifact, ArtifactStore
from pipeline.contract.atomic_write import sweep_partials
from pipeline.contract.decisions import DECISION, Decisions, digest
from pipeline.contract.fingerprint import FileHashes, fingerprint
from pipeline.contract.frozen_profile import PROFILE, read_profile, write_profile
from pipeline.contract.mirror import Mirror, root_folder, root_name
from pipeline.contract.notice import notice_of
from pipeline.contract.progress import say
from pipeline.contract.run_folder import LATEST, NAME, claim, folder_name, folder_of
from pipeline.contract.sealed_json import DamagedError, read_sealed, write_sealed
from pipeline.contract.shared_files import share, share_run, unshare
from pipeline.contract.stage import config_slice
from pipeline.contract.stages import STAGES, stages_of


class Run:
    """runs/<run id>/ under the root: profile.json, stages/<name>.json, logs, report.

    The profile is fixed when the run begins, so every task of the run sees the same one. What a stage read besides
    artifacts is fixed when the stage has its artifact: sources may grow or go, and the run goes on with what it took.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        self.store = ArtifactStore(self.root)
        self._fingerprints: dict[str, str] = {}
        self._raw: dict[str, dict[str, str]] = {}

    @classmethod
    def begin(cls, profile: Profile, run_id: str | None = None) -> "Run":
        """Creates (or, with the same profile, continues) a run and points runs/latest at it.

        What stages recorded under another profile is forgotten.
        """
        run_id = run_id or datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        root = root_folder(profile.storage.root, profile.storage.cache_gb)
        folder = root / "runs" / folder_name(run_id)
        if mirror := Mirror.of(root):
            mirror.check()
            _pull(mirror, folder.name)
        try:
            (folder / "stages").mkdir(parents=True, exist_ok=True)
            claim(folder, run_id)
            run = cls(folder)
            run.sweep()
            notice_of(folder).unlink(missing_ok=True)  # of an attempt that was killed before it could stop
            run._fix(profile)
        except OSError as error:
            raise UserError(
                f"storage.root: {folder} cannot be written ({error.strerror}); choose a writable folder"
            ) from error
        _point(folder)
        if mirror:
            run.share()
            mirror.begin_run(folder.name)
            if not profile.tracking.uri:
                say(f"tracking.uri is empty: MLflow's runs and registry lie on this machine alone, in {root}/mlflow.db")
        return run

    @classmethod
    def open(cls, root: Path, run_id: str = LATEST) -> "Run":
        """An existing run, by its id or its folder's name. Raises UserError when there is none.

        run_id: as Airflow says it, of another DAG than train_chat_model with the DAG before it, as DAG/RUN.
        """
        runs = root.resolve() / "runs"
        if mirror := Mirror.of(root.resolve()):
            name = mirror.latest() if run_id == LATEST else folder_name(run_id)
            _pull(mirror, name or "none")
            if run_id == LATEST and name and (runs / name).is_dir():
                _point(runs / name)
        folder = (runs / LATEST).resolve() if run_id == LATEST else folder_of(runs, run_id)
        if not (folder / PROFILE).is_file():
            raise UserError(f"{root_name(root)}/runs/{run_id}: no such run; `parlance run` or `make demo` makes one")
        return cls(folder)

    @property
    def place(self) -> str:
        """What a process on another machine finds the run by: its folder, or its address."""
        return joined(root_name(self.root), "runs", self.folder.name)

    def share(self) -> None:
        """Of a root in an object store: the run's own files are there as they are here, but logs and credentials."""
        share_run(self.folder)

    @property
    def root(self) -> Path:
        return self.folder.parent.parent

    @cached_property
    def profile(self) -> Profile:
        """Raises DamagedError when it is not the one that the run began with."""
        return read_profile(self.folder)

    def sweep(self) -> None:
        """Deletes what killed writers of the run's own files left."""
        for folder in (self.root, self.folder, self.folder / "stages"):
            sweep_partials(folder)

    def _fix(self, profile: Profile) -> None:
        """Makes the profile the run's own."""
        try:
            known = read_profile(self.folder).model_dump(mode="json")
        except (DamagedError, FileNotFoundError):
            known = None
        if known != profile.model_dump(mode="json"):
            for outcome in (self.folder / "stages").glob("*.json"):
                unshare(outcome)
            write_profile(self.folder, profile)

    @property
    def file_hashes(self) -> FileHashes:
        return self.store.hashes

    def fingerprint(self, name: str) -> str:
        """The fingerprint of a stage's artifact in this run; needs no artifact to exist."""
        if name not in self._fingerprints:
            self._fingerprints[name] = self._fingerprint(name, self._raw_inputs(name))
        return self._fingerprints[name]

    def question(self, name: str) -> str:
        """What a person is asked about: the fingerprint that a stage has while nobody has answered."""
        return self._fingerprint(name, _without_decision(self._raw_inputs(name)))

    def decision(self, name: str) -> dict[str, Any] | None:
        """The answer that counts in this run: the one that it took; before that, the latest to the same question."""
        digest = self._raw_inputs(name).get(DECISION)
        return Decisions(self.root, self.question(name)).find(digest) if digest else None

    def decide(self, name: str, answer: dict[str, Any]) -> None:
        """Keeps what a person answered, which enters the fingerprints of the stage and of all that follows. What this
        run made by another answer no longer counts in it."""
        decisions = Decisions(self.root, self.question(name))
        raw = _without_decision(self._raw_inputs(name))
        decisions.add(answer)
        raw[DECISION] = digest(answer)
        if self._raw[name] != raw:
            unshare(self._outcome(name))
        self._raw[name] = raw
        self._fingerprints.clear()

    def input_fingerprints(self, name: str) -> dict[str, str]:
        """Input stage to fingerprint, and raw file to content hash."""
        found = {other: self.fingerprint(other) for other in STAGES[name].inputs}
        return found | self._raw_inputs(name)

    def _raw_inputs(self, name: str) -> dict[str, str]:
        """What the stage read besides artifacts; before it has its artifact, what it would read now."""
        if name not in self._raw:
            taken = self.outcomes().get(name, {}).get("raw")
            self._raw[name] = self._raw_now(name) if taken is None else taken
        return self._raw[name]

    def _raw_now(self, name: str) -> dict[str, str]:
        """What the stage would read now, and the answer that would count."""
        found = STAGES[name].raw_inputs(self.profile, self.file_hashes)
        answered = Decisions(self.root, self._fingerprint(name, found)).latest() if STAGES[name].asks else None
        return found | {DECISION: digest(answered)} if answered else found

    def _fingerprint(self, name: str, raw: dict[str, str]) -> str:
        stage, inputs = STAGES[name], {other: self.fingerprint(other) for other in STAGES[name].inputs}
        return fingerprint(name, stage.version, config_slice(stage, self.profile), inputs | raw)

    def changed(self, name: str) -> str:
        """What a stage read besides artifacts, or is about to, and is now another: one line; empty when nothing is."""
        taken = _without_decision(self._raw_inputs(name))
        try:
            now = STAGES[name].raw_inputs(self.profile, self.file_hashes)
        except UserError as error:
            return str(error)
        differing = sorted(label for label in taken.keys() | now.keys() if taken.get(label) != now.get(label))
        if not differing:
            return ""
        first = differing[0]
        how = "is new" if first not in taken else "is gone" if first not in now else "has changed"
        more = f", and {len(differing) - 1:,} more" if len(differing) > 1 else ""
        return f"{name}: {first} {how} since run {self.id} read it{more}"

    def changes(self) -> list[str]:
        """One line for each stage of which that can be said after it has its artifact."""
        recorded = (name for name, outcome in self.outcomes().items() if outcome.get("raw"))
        return [line for name in recorded if (line := self.changed(name))]

    def find(self, name: str) -> Artifact | None:
        """The artifact that the stage recorded, or would find now; None when there is none.

        Raises DamagedError when it is not what was committed.
        """
        outcome = self.outcomes().get(name)
        return self.store.find(name, outcome["fingerprint"] if outcome else self.fingerprint(name))

    def artifact(self, name: str) -> Artifact:
        """The same. Raises UserError when there is none."""
        found = self.find(name)
        if found is None:
            raise UserError(
                f"run {self.id}: stage {name} has no artifact yet; run `parlance stage {STAGES[name].task}` first"
            )
        return found

    def is_cached(self, task: str) -> bool:
        """Whether every stage of a task has its artifact, and whole."""
        try:
            return all(self.store.find(stage.name, self.fingerprint(stage.name)) for stage in stages_of(task))
        except DamagedError:
            return False

    def record(self, name: str, print_: str, cached: bool, seconds: float, started: datetime) -> None:
        """Notes a stage's outcome. A later, cached visit does not hide that this run made the artifact."""
        if cached and self.outcomes().get(name, {}).get("fingerprint") == print_:
            return
        outcome = {
            "name": name,
            "fingerprint": print_,
            "cached": cached,
            "seconds": round(seconds, 3),
            "started": started.isoformat(timespec="seconds"),
        }
        raw = {"raw": self._raw[name]} if self._raw.get(name) or STAGES[name].asks else {}
        write_sealed(self._outcome(name), outcome | raw)
        share(self._outcome(name))

    def outcomes(self) -> dict[str, dict[str, Any]]:
        """What each stage that has run recorded; a record that is damaged does not count."""
        return {name: outcome for name in STAGES if (outcome := self.outcome(name))}

    def outcome(self, name: str) -> dict[str, Any] | None:
        """What one stage recorded."""
        with suppress(DamagedError, FileNotFoundError):
            return read_sealed(self._outcome(name), "")
        return None

    def damage(self) -> list[str]:
        """One line for each of the run's own records that is not what was written."""
        found = []
        try:
            _ = self.profile
        except DamagedError as error:
            found.append(str(error))
        for name in STAGES:
            try:
                read_sealed(self._outcome(name), "it does not count, and the stage's next visit writes it anew")
            except FileNotFoundError:
                continue
            except DamagedError as error:
                found.append(str(error))
        return found

    def _outcome(self, name: str) -> Path:
        return self.folder / "stages" / f"{name}.json"


def _pull(mirror: Mirror, name: str) -> None:
    records = [f"stages/{stage}.json" for stage in STAGES]
    mirror.pull_small(f"runs/{name}", sure=[f"runs/{name}/{file}" for file in (PROFILE, NAME, *records)])


def _point(folder: Path) -> None:
    """Makes runs/latest a link to a run's folder."""
    new = folder.parent / f".latest.{folder.name}"
    new.unlink(missing_ok=True)
    new.symlink_to(folder.name)
    new.replace(folder.parent / LATEST)


def _without_decision(raw: dict[str, str]) -> dict[str, str]:
    return {label: hash_ for label, hash_ in raw.items() if label != DECISION}
