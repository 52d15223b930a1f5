"""The plan of a run: kept from its beginning, compared with its end, never in its way."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from configs.profile import Profile
from pipeline.contract.formatting import duration
from pipeline.contract.run import Run
from pipeline.contract.stage import Stage
from pipeline.contract.stages import STAGES
from pipeline.planning.estimate import estimate
from pipeline.planning.rates import table_rates
from pipeline.planning.render import print_plan
from pipeline.planning.run_plan import comparison, plan_run, read_plan, remaining

Make = Callable[..., Profile]


def test_rows_text_and_tokens_come_from_the_data_at_hand(demo: Make, tmp_path: Path) -> None:
    data = estimate(demo("plan.rows.bytes_per_token=4"), tmp_path / "root")["data"]
    assert data["rows"]["acquire"] == 500
    assert data["row_bytes"] == 40
    assert data["origin"]["data"] == "counted in the sources"
    assert data["tokens"] == pytest.approx(data["text"]["balance"] / 4)


def test_selection_limits_the_rows_that_train_and_what_is_not_known_before_is_said(demo: Make, tmp_path: Path) -> None:
    def data(*settings: str) -> dict[str, Any]:
        return estimate(demo("plan.rows.bytes_per_token=4", *settings), tmp_path / "root")["data"]

    plain = data()
    held_out = plain["rows"]["balance"] * 0.1
    selected = data("balance.selection={method: diverse, rows: 100}")
    assert selected["rows"]["balance"] == pytest.approx(100 + held_out)
    assert selected["train_tokens"] == pytest.approx(100 * 10)
    assert selected["test_tokens"] == plain["test_tokens"]
    assert selected["origin"]["selection"] == "limited by balance.selection"
    by_tokens = data("balance.selection={method: diverse, tokens: 1000}")
    assert by_tokens["rows"]["balance"] == pytest.approx(selected["rows"]["balance"])
    queried = data("tokenise.select.nearest={texts: [hello], rows: 50}")
    assert queried["rows"] == plain["rows"], "the corpus stays as it is"
    assert queried["train_tokens"] == pytest.approx(50 * 10)
    said = data("balance.semantic_duplicates.min_similarity=0.9")["origin"]["selection"]
    assert said == "what balance.semantic_duplicates leaves out is not known before"


def test_every_stage_has_a_time_and_they_add_up(demo: Make, tmp_path: Path) -> None:
    plan = estimate(demo(), tmp_path / "root")
    assert [s["stage"] for s in plan["stages"]] == list(STAGES)
    idle = {s["stage"]: s["origin"] for s in plan["stages"] if not s["seconds"]}
    assert idle == {
        "generate": "nothing to do without balance.generator.model",
        "base": "nothing to do without model.pretrained",
    }
    assert plan["seconds"] > sum(s["seconds"] for s in plan["stages"])


def test_a_stage_that_reads_no_conversations_takes_as_long_as_its_start(
    demo: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STAGES, "trial", Stage("trial", entry="trial:trial"))
    trial = estimate(demo(), tmp_path / "root")["stages"][-1]
    assert (trial["stage"], trial["units"], trial["seconds"]) == ("trial", 0, table_rates()["trial"].start)


def test_preparation_is_all_but_the_decision_the_model_and_what_needs_it(demo: Make, tmp_path: Path) -> None:
    plan = estimate(demo(), tmp_path / "root")
    seconds = {s["stage"]: s["seconds"] for s in plan["stages"]}
    prepared = sum(seconds[name] for name in STAGES if name not in ("review", "train", "base", "evaluate", "promote"))
    assert plan["honest"]["preparation_seconds"] == pytest.approx(prepared)


def test_the_plan_of_a_run_stays_what_it_was_when_the_run_began(demo: Make) -> None:
    run = Run.begin(demo(), "first")
    made = plan_run(run)
    assert made.plan is not None
    assert made.plan == read_plan(run).plan
    (run.folder / "plan.json").write_text(json.dumps(made.plan | {"seconds": 1.0}))
    again = plan_run(run).plan
    assert again is not None
    assert again["seconds"] == 1.0


def test_what_cannot_be_planned_is_said_and_nothing_fails(cluster: Make) -> None:
    run = Run.begin(cluster("plan.rows.count="), "unknown")
    made = plan_run(run)
    assert made.plan is None
    assert made.lines()[0].startswith("plan: not known: plan.rows.count: missing, and the data is not at hand")
    assert "not known" in made.markdown()
    assert remaining(run, after="review") == ""
    assert comparison(None, {}, set()) is None


def test_the_log_and_the_approval_say_hours_disk_and_money(demo: Make) -> None:
    run = Run.begin(demo("plan.prices={currency: EUR, machine_hour: 36}"), "priced")
    made = plan_run(run)
    assert made.plan is not None
    assert [line.split()[1] for line in made.lines()[:4]] == ["time", "data", "disk", "money"]
    assert f"{made.plan['cost']['run']:,.2f} EUR for the run" in made.lines()[3]
    left = remaining(run, after="review")
    after = [s["seconds"] for s in made.plan["stages"] if list(STAGES).index(s["stage"]) > list(STAGES).index("review")]
    assert left.startswith(f"Approving starts about {duration(sum(after))} of work")


def test_plan_and_reality_stage_by_stage(demo: Make) -> None:
    plan = plan_run(Run.begin(demo(), "compared")).plan
    assert plan is not None
    planned = {s["stage"]: s["seconds"] for s in plan["stages"]}
    found = comparison(plan, {"acquire": 2 * planned["acquire"], "score": planned["score"]}, found={"clean"})
    assert found is not None
    rows = {r["stage"]: r for r in found["stages"]}
    assert rows["acquire"]["ratio"] == pytest.approx(2)
    assert rows["score"]["ratio"] == pytest.approx(1)
    assert rows["clean"]["real"] is None
    assert found["planned"] == pytest.approx(planned["acquire"] + planned["score"])
    assert found["real"] == pytest.approx(2 * planned["acquire"] + planned["score"])


def test_the_text_has_every_part_and_no_markup_when_piped(cluster: Make, tmp_path: Path) -> None:
    out = io.StringIO()
    print_plan(estimate(cluster(), tmp_path / "root"), Console(file=out, width=120))
    text = out.getvalue()
    for part in (
        "data",
        "two estimates",
        "stages",
        "training memory",
        "storage",
        "vector store",
        "deployment",
        "money",
    ):
        assert any(line.startswith(part) for line in text.splitlines()), part
    assert "117.0 h" in text
    assert "721,153.85 s = 8.35 days" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_narrow_terminal_is_kept_to(cluster: Make, tmp_path: Path) -> None:
    out = io.StringIO()
    print_plan(estimate(cluster(), tmp_path / "root"), Console(file=out, width=80))
    assert max(map(len, out.getvalue().splitlines())) <= 80
