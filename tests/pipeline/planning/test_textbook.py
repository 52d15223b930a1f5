"""The figures of the reference design, to the digit."""

from collections.abc import Callable
from pathlib import Path

from configs.profile import Profile
from pipeline.planning.estimate import estimate
from pipeline.planning.textbook import SECONDS_A_DAY, preparation_seconds, training_seconds

ROWS = 200_000_000


def test_200_million_rows_at_2106_microseconds_take_117_hours_on_one_machine_and_7_3_on_16() -> None:
    assert round(preparation_seconds(ROWS, 0.002106) / 3600, 9) == 117.0
    assert round(preparation_seconds(ROWS, 0.002106, 16) / 3600, 1) == 7.3


def test_3_billion_parameters_and_1000_epochs_take_267_days_on_one_a100_and_8_35_on_32() -> None:
    one = training_seconds(3_000_000_000, 1000, ROWS, 1, 156e12)
    assert round(one / SECONDS_A_DAY) == 267
    many = training_seconds(3_000_000_000, 1000, ROWS, 1, 156e12, 32)
    assert round(many, 2) == 721_153.85
    assert round(many / SECONDS_A_DAY, 2) == 8.35


def test_the_reference_profile_gives_the_same_figures(cluster: Callable[..., Profile], tmp_path: Path) -> None:
    book = estimate(cluster(), tmp_path / "root")["textbook"]
    assert round(book["preparation_seconds_one"] / 3600, 9) == 117.0
    assert round(book["preparation_seconds"] / 3600, 1) == 7.3
    assert round(book["training_seconds_one"] / SECONDS_A_DAY) == 267
    assert round(book["training_seconds"], 2) == 721_153.85


def test_without_figures_of_its_own_the_textbook_takes_the_runs(
    cluster: Callable[..., Profile], tmp_path: Path
) -> None:
    own = ("plan.textbook.parameters=", "plan.textbook.epochs=", "plan.textbook.tflops=")
    plan = estimate(cluster(*own), tmp_path / "root")
    assert plan["textbook"]["parameters"] == 3_212_749_824
    assert plan["textbook"]["epochs"] == plan["honest"]["epochs"]
    assert plan["textbook"]["flops_a_second"] == 156e12  # half of the A100's bf16 peak
