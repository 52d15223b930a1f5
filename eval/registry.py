"""The model registry: versions, the aliases champion and challenger, and the way back. MLflow."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import Metric, Param, RunTag
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from configs.credentials import masked
from configs.errors import UserError
from pipeline.contract.artifact import check_part
from pipeline.contract.sealed_json import DamagedError

CHAMPION, CHALLENGER = "champion", "challenger"
PREVIOUS = "previous_champion"
for library in ("mlflow", "alembic"):
    logging.getLogger(library).setLevel(logging.WARNING)

LONGEST_PARAM = 500
PARAMS_A_CALL = 100


@dataclass(frozen=True)
class ModelRecord:
    """One registered version. source: its model's folder or address. tags: see eval/promote.py."""

    registry: str
    name: str
    version: int
    source: str
    tags: dict[str, str]

    @property
    def here(self) -> Path:
        """Where the model's folder lies, or lay; of one that a tracking server keeps, nowhere that is."""
        return _beside(self.registry, Path(self.source))

    @property
    def folder(self) -> Path:
        """The model's folder on this machine; a model kept by a tracking server is downloaded.

        Raises UserError when the folder is gone, or lies in an artifact that is damaged.
        """
        if not _is_local(self.source):
            with _answering(self.registry):
                return Path(download_artifacts(artifact_uri=self.source, tracking_uri=self.registry))
        source = _beside(self.registry, Path(self.source))
        try:
            check_part(source)  # brings what lies in an object store
        except DamagedError:
            if source.is_dir():
                raise
        if not source.is_dir():
            raise UserError(
                f"{self.name}: version {self.version} lay in {self.source}, which is gone; "
                "restore the folder, or roll back to another version"
            )
        return source


def champion(uri: str, name: str) -> ModelRecord | None:
    """The version in use; None when there is none. Raises UserError when the registry does not answer."""
    with _answering(uri):
        return _at_alias(uri, name, CHAMPION)


def challenger(uri: str, name: str) -> ModelRecord | None:
    """The newest version that did not replace the champion; None when there is none."""
    with _answering(uri):
        return _at_alias(uri, name, CHALLENGER)


def numbered(uri: str, name: str, version: int) -> ModelRecord:
    """A version by its number."""
    with _answering(uri):
        return _record(uri, _client(uri).get_model_version(name, str(version)))


def rollback(uri: str, name: str) -> str:
    """Gives the alias champion back to the version that held it before. Returns a sentence that says so.

    What was the champion becomes the challenger. Repeated, it goes further back.
    Raises UserError when there is no champion, or none before it.
    """
    current = champion(uri, name)
    if current is None:
        raise UserError(f"{name}: the registry holds no champion to roll back; promote a model first")
    previous = current.tags.get(PREVIOUS)
    if not previous:
        raise UserError(f"{name}: version {current.version} is the first champion; there is none before it")
    with _answering(uri):
        client = _client(uri)
        restored = _record(uri, client.get_model_version(name, previous))
        if _is_local(restored.source):
            assert restored.folder.is_dir()
        client.set_registered_model_alias(name, CHAMPION, previous)
        client.set_registered_model_alias(name, CHALLENGER, str(current.version))
        client.set_model_version_tag(name, str(current.version), "rolled_back", "true")
    return f"{name}: version {previous} is the champion again, version {current.version} the challenger"


def registered(uri: str, name: str, tag: str, value: str) -> ModelRecord | None:
    """The newest version whose tag has this value."""
    with _answering(uri):
        versions = _client(uri).search_model_versions(f"name = '{name}' and tags.{tag} = '{value}'")
    return max((_record(uri, v) for v in versions), key=lambda v: v.version, default=None)


def flag(uri: str, tag: str, value: str, flagged: str, number: int) -> list[str]:
    """Adds a number to the tag `flagged` of every version whose `tag` has this value; "NAME version N" of each."""
    with _answering(uri):
        client = _client(uri)
        found = sorted(client.search_model_versions(f"tags.{tag} = '{value}'"), key=lambda v: (v.name, int(v.version)))
        for version in found:
            known = int(version.tags.get(flagged, 0))
            client.set_model_version_tag(version.name, version.version, flagged, str(known + number))
    return [f"{version.name} version {version.version}" for version in found]


def register(uri: str, name: str, folder: Path, committed: Path, mlflow_run: str, tags: dict[str, str]) -> ModelRecord:
    """A new version, as challenger.

    folder: where the model lies now. committed: where it will lie. A tracking server cannot see either,
    and gets a copy among the run's artifacts.
    """
    with _answering(uri):
        client = _client(uri)
        source = str(committed)
        if uri.startswith(("http://", "https://")):
            client.log_artifacts(mlflow_run, str(folder), "model")
            source = f"runs:/{mlflow_run}/model"
        try:
            client.create_registered_model(name, description="Trained, evaluated and gated by Parlance.")
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        version = client.create_model_version(name, source, mlflow_run, tags=tags)
        client.set_registered_model_alias(name, CHALLENGER, str(version.version))
    return _record(uri, version)


def set_champion(uri: str, name: str, version: int) -> None:
    """Makes a version the champion; it stops being the challenger."""
    with _answering(uri):
        client = _client(uri)
        client.set_registered_model_alias(name, CHAMPION, str(version))
        holder = _at_alias(uri, name, CHALLENGER)
        if holder is not None and holder.version == version:
            client.delete_registered_model_alias(name, CHALLENGER)


def log_run(
    uri: str, experiment: str, artifacts: Path | None, name: str, params: dict[str, str], metrics: dict[str, float]
) -> str:
    """A finished MLflow run with these figures; its id.

    artifacts: where an experiment that is made here keeps files; None leaves it to the server.
    """
    now = time.time_ns() // 1_000_000
    with _answering(uri):
        client = _client(uri)
        run_id = client.create_run(_experiment_id(client, experiment, artifacts), run_name=name).info.run_id
        items = [Param(key, value[:LONGEST_PARAM]) for key, value in sorted(params.items())]
        for start in range(0, len(items), PARAMS_A_CALL):
            client.log_batch(run_id, params=items[start : start + PARAMS_A_CALL])
        logged = [Metric(key, value, now, 0) for key, value in sorted(metrics.items())]
        client.log_batch(run_id, metrics=logged, tags=[RunTag("stage", "promote")])
        client.set_terminated(run_id)
    return run_id


def _experiment_id(client: MlflowClient, name: str, artifacts: Path | None) -> str:
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return experiment.experiment_id
    try:
        return client.create_experiment(name, artifact_location=artifacts.as_uri() if artifacts else None)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        made_meanwhile = client.get_experiment_by_name(name)
        assert made_meanwhile is not None
        return made_meanwhile.experiment_id


def _client(uri: str) -> MlflowClient:
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _at_alias(uri: str, name: str, alias: str) -> ModelRecord | None:
    """INVALID_PARAMETER_VALUE is what MLflow 3 answers for an alias that nobody holds."""
    try:
        return _record(uri, _client(uri).get_model_version_by_alias(name, alias))
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _record(uri: str, version: ModelVersion) -> ModelRecord:
    return ModelRecord(uri, version.name, int(version.version), version.source or "", dict(version.tags))


def _beside(uri: str, source: Path) -> Path:
    """The folder of a model that lies under the root of a registry in SQLite, wherever that root was when it was
    registered: ROOT/mlflow.db beside ROOT/artifacts/promote/FINGERPRINT/model."""
    database = uri.removeprefix("sqlite:///")
    if database == uri or "artifacts" not in source.parts[:-1]:
        return source
    start = len(source.parts) - 1 - source.parts[::-1].index("artifacts")
    here = Path(database).parent.joinpath(*source.parts[start:])
    return here if here.is_dir() else source


def _is_local(source: str) -> bool:
    return "://" not in source and not source.startswith("runs:")


@contextmanager
def _answering(uri: str) -> Iterator[None]:
    """Turns a registry that cannot be reached or read, or refuses, into one line, without credentials."""
    try:
        yield
    except MlflowException as error:
        reason = _reason(f"{uri}: {_first_line(error)}")
        remedy = "check the address and that the server runs"
        if "Invalid Host header" in reason:
            remedy = "start it as mlflow server --allowed-hosts HOST:PORT, with the host and port of this address"
        raise UserError(f"tracking.uri: {reason}; {remedy}") from None
    except SQLAlchemyError as error:
        reason = _reason(f"{uri}: the registry's database cannot be read ({_first_line(error)})")
        raise UserError(f"{reason}; restore it, or move it away: the next promotion begins another") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _reason(text: str) -> str:
    return masked(text)[:400]
