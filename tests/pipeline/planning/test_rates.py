"""Speeds: what was measured here wins over the table, and the profile over both."""

import json
from pathlib import Path
from statistics import median

import pytest

from configs.errors import UserError
from configs.load import load_profile
from configs.profile import Profile
from pipeline.contract.stage import Stage
from pipeline.contract.stages import STAGES
from pipeline.planning.hardware import Machines, machines_of, table
from pipeline.planning.history import Measurement
from pipeline.planning.rates import Rate, cores_of, fit, rates_of, table_rates

PRIOR = Rate("text", start=10.0, core_seconds=2.0, origin="table")


def took(units: float, seconds: float, stage: str = "score") -> Measurement:
    return Measurement(stage, units, seconds, "2026-11-22T00:00:00+00:00")


def two_cores(*overrides: str) -> tuple[Profile, Machines]:
    profile = load_profile("scratch", ["plan.hardware.cores=2", *overrides])
    return profile, machines_of(profile)


def test_every_stage_has_a_rate_from_the_table_or_says_that_it_has_none() -> None:
    rates, measured = table_rates(), {n for n, about in table()["stages"].items() if isinstance(about, dict)}
    assert measured <= set(STAGES)
    assert list(rates) == list(STAGES)
    for name, rate in rates.items():
        assert rate.origin.startswith("configs/rates.yaml" if name in measured else "no rate known"), name
        assert rate.unit == STAGES[name].work.unit
        assert rate.start > 0
        assert (rate.core_seconds > 0) == (rate.unit != "none"), name


def test_a_stage_that_nobody_measured_takes_what_is_usual_of_its_engine_and_unit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(STAGES, "trial", Stage("trial", entry="trial:trial", inputs=("deduplicate",)))
    found = rates_of(tmp_path, *two_cores())["trial"]
    rates = {name: table()["stages"][name] for name in STAGES if name != "trial"}
    python = ("embed", "sentiment", "review", "generate", "index", "base", "evaluate", "promote")
    text = ("acquire", "score", "clean", "deduplicate", "annotate", "balance", "tokenise")
    assert found.start == median(rates[name]["start"] for name in python)
    assert found.core_seconds == sorted(rates[name]["core_seconds"] for name in text)[3]
    assert found.origin.endswith("plan.rates.trial sets it")


def test_a_stage_of_one_process_is_not_helped_by_further_machines() -> None:
    profile, machines = two_cores("plan.hardware.machines=4", "plan.assumptions.spark_scaling=0.5")
    assert {name: cores_of(name, profile, machines) for name in ("clean", "index")} == {"clean": 4, "index": 2}


def test_without_measurements_the_table_stands() -> None:
    assert fit(PRIOR, [], 2) == PRIOR


def test_measurements_over_a_wide_range_give_start_and_rate() -> None:
    points = [took(units, 7 + units * 3 / 2) for units in (1, 10, 100)]
    found = fit(PRIOR, points, cores=2)
    assert found.start == pytest.approx(7)
    assert found.core_seconds == pytest.approx(3)
    assert found.seconds(50, cores=4) == pytest.approx(7 + 50 * 3 / 4)


def test_one_measurement_scales_the_whole_curve() -> None:
    expected = PRIOR.seconds(8, 2)
    found = fit(PRIOR, [took(8, 3 * expected)], cores=2)
    assert (found.start, found.core_seconds) == (30.0, 6.0)


def test_a_start_is_never_negative_nor_does_more_work_take_less_time() -> None:
    steep = fit(PRIOR, [took(2, 1), took(20, 100)], cores=1)
    assert steep.start == 0
    falling = fit(PRIOR, [took(2, 40), took(20, 30)], cores=1)
    assert falling.core_seconds > 0


def test_a_stage_without_units_takes_what_it_took() -> None:
    found = fit(Rate("none", 2.0, 0.0, "table"), [took(0, 3), took(0, 5), took(0, 100)], cores=2)
    assert found.seconds(0, 2) == 5


def test_the_profile_wins_and_a_calibration_is_read(tmp_path: Path) -> None:
    points = [
        {"stage": s, "units": 8.0, "seconds": 1000.0, "started": "2026-11-22", "origin": "calibration", "unit": "text"}
        for s in ("score", "clean")
    ]
    (tmp_path / "calibration.json").write_text(json.dumps({"sources": [], "shape": {}, "measurements": points}))
    found = rates_of(tmp_path, *two_cores("plan.rates.clean={start: 1}"))
    assert found["score"].seconds(8, 2) == pytest.approx(1000)
    assert found["score"].origin == "measured here, newest 2026-11-22 (calibration)"
    assert (found["clean"].start, found["clean"].origin) == (1.0, "plan.rates")
    assert found["train"].origin.startswith("configs/rates.yaml")


def test_a_calibration_that_was_cut_short_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text('{"measurements": [')
    assert rates_of(tmp_path, *two_cores()) == table_rates()


def test_a_stage_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"plan\.rates: 'spark' is not a stage"):
        rates_of(tmp_path, *two_cores("plan.rates.spark={start: 1}"))


def test_a_long_training_on_gpus_replaces_the_assumed_utilisation_and_a_short_one_does_not(tmp_path: Path) -> None:
    profile = load_profile("cluster-32xa100")
    machines = machines_of(profile)
    assumed = rates_of(tmp_path, profile, machines)["train"]
    assert 1e12 / (assumed.core_seconds * 312e12) == pytest.approx(0.6 * 0.95)

    def calibrated(units: float, seconds: float) -> Rate:
        point = {
            "stage": "train",
            "units": units,
            "seconds": seconds,
            "started": "2026-11-22",
            "origin": "an earlier run",
            "unit": "tflop",
        }
        (tmp_path / "calibration.json").write_text(json.dumps({"measurements": [point]}))
        return rates_of(tmp_path, profile, machines)["train"]

    work = 3600 * 32 * 312e12 * 0.5 / 1e12  # an hour at half of the peak
    slow = calibrated(work, 7200)
    assert 1e12 / (slow.core_seconds * 312e12) == pytest.approx(0.25, rel=0.05)
    assert slow.origin.startswith("measured here")
    assert calibrated(work / 3600, 60) == assumed


def test_a_calibration_in_another_unit_is_passed_over(tmp_path: Path) -> None:
    profile = load_profile("demo")
    machines = machines_of(profile)
    point = {"stage": "evaluate", "units": 1000.0, "seconds": 1e6, "started": "2026-11-22", "origin": "calibration"}
    before = rates_of(tmp_path, profile, machines)["evaluate"]
    (tmp_path / "calibration.json").write_text(json.dumps({"measurements": [point | {"unit": "tokens"}, point]}))
    assert rates_of(tmp_path, profile, machines)["evaluate"] == before
