"""The profile of a run is the same for every task, and its credentials are not in what is shown."""

import json
import stat
from pathlib import Path

import pytest

from configs.load import load_profile
from configs.profile import Profile
from pipeline.contract.run import Run
from pipeline.contract.sealed_json import DamagedError
from pipeline.contract.stage import config_slice
from pipeline.contract.stages import STAGES

SECRET = "Zebra77Quagga"


def profile_with(root: Path, *more: str) -> Profile:
    return load_profile("scratch", [f"storage.root={root}", *more])


def planted(root: Path, secret: str = SECRET) -> Profile:
    return profile_with(
        root,
        f"spark.conf={{spark.hadoop.fs.s3a.secret.key: {secret}, spark.ui.enabled: 'false'}}",
        f"tracking.uri=http://user:{secret}@mlflow:5000",
        f"vectors.url=http://qdrant:6333/?api_key={secret}",
    )


def test_a_task_reads_what_the_run_was_begun_with_and_profile_json_hides_it(tmp_path: Path) -> None:
    run = Run.begin(planted(tmp_path))
    shown = (run.folder / "profile.json").read_text()
    assert SECRET not in shown
    assert json.loads(shown)["spark"]["conf"] == {
        "spark.hadoop.fs.s3a.secret.key": "***",
        "spark.ui.enabled": "false",
    }
    assert json.loads(shown)["tracking"]["uri"] == "http://***@mlflow:5000"
    assert Run(run.folder).profile == planted(tmp_path)


def test_only_who_runs_it_may_read_the_credentials_and_they_are_there_only_when_needed(tmp_path: Path) -> None:
    run = Run.begin(planted(tmp_path), "a")
    assert stat.S_IMODE((run.folder / "credentials.json").stat().st_mode) == 0o600
    again = Run.begin(profile_with(tmp_path), "a")
    assert not (again.folder / "credentials.json").exists()
    assert again.profile == profile_with(tmp_path)
    shown = json.loads((again.folder / "profile.json").read_text())
    del shown["sha256"]
    assert shown == profile_with(tmp_path).model_dump(mode="json")


def test_credentials_that_are_not_what_was_written_are_not_used(tmp_path: Path) -> None:
    run = Run.begin(planted(tmp_path))
    apart = run.folder / "credentials.json"
    apart.write_text(apart.read_text().replace(SECRET, SECRET[::-1]))
    with pytest.raises(DamagedError, match="begin the run again"):
        _ = Run(run.folder).profile


def test_another_password_is_the_same_data_and_another_address_is_not(tmp_path: Path) -> None:
    index = STAGES["index"]
    one, two = planted(tmp_path), planted(tmp_path, "another")
    assert config_slice(index, one) == config_slice(index, two)
    assert SECRET not in str([config_slice(stage, one) for stage in STAGES.values()])
    assert config_slice(index, one) != config_slice(index, profile_with(tmp_path, "vectors.url=http://other:6333"))
