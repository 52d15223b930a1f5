"""The report of a run, over artifacts made by hand and committed through the real store."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from configs.load import load_profile
from pipeline.contract.run import Run
from pipeline.contract.sealed_json import write_sealed
from pipeline.contract.stages import STAGES
from pipeline.drift.drift import DRIFT, NONE_YET, OWN
from pipeline.report.loss_plot import loss_curve
from pipeline.report.page import funnel, render_page, unigram_baseline
from pipeline.report.report import build_report, is_current, write_report
from tests.pipeline.report.made_runs import (
    AUDIT,
    CHANGE,
    EVIL,
    HELD_OUT,
    LEGS,
    METRICS,
    SAMPLES,
    SCORES,
    TRAINING,
    Page,
    finish,
    identity,
    prepare_data,
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that has not started: nine records, of which a stage at a time drops some."""
    raw = tmp_path / "chats.jsonl"
    raw.write_text("{}\n")
    settings = [f"storage.root={tmp_path / 'root'}", "tracking.uri=http://reader:hunter2@mlflow.example:5000"]
    return Run.begin(load_profile("scratch", settings, str(raw)), "manual__2026")


def page_of(run: Run) -> str:
    return write_report(run).read_text(encoding="utf-8")


def test_a_run_that_has_not_started_has_a_report(run: Run) -> None:
    report = build_report(run)
    assert report["status"] == "unfinished"
    assert {stage["status"] for stage in report["stages"]} == {"missing"}
    assert all(report[part] is None for part in ("data", "audit", "training", "evaluation", "vectors", "promotion"))
    assert "The stage acquire has not run yet." in page_of(run)


def test_a_half_finished_run_reports_what_there_is(run: Run) -> None:
    prepare_data(run)
    report = build_report(run)
    assert report["audit"]["topics"] == {"small talk": 3, "food and drink": 2}
    assert report["training"] is None
    assert [s["name"] for s in report["stages"] if s["status"] == "made"][-1] == "audit"
    page = page_of(run)
    Page(page)
    assert re.search(r"Nothing yet: the stage <code>train</code>\s+has not run", page)


def test_a_finding_shows_its_rows_by_the_sentence_that_is_meant_its_certainty_and_what_to_do(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = {"severity": "critical", "kind": "sentiment gap", "subject": "gender:female", "message": "they differ"}
    numbers = {"effect": -0.9, "low": -1.1, "high": -0.8, "q": 0.0012, "rows": 40, "remedy": "read the examples"}
    shown = {"examples": [identity(5), identity(6), identity(99)], "sentences": [0, 7, 0]}
    topic = {"severity": "info", "kind": "topic", "subject": "food", "message": "many", "examples": [identity(4)]}
    monkeypatch.setitem(AUDIT, "findings", [{**about, **numbers, **shown}, topic])
    compared = {"group": "gender:female", "outcome": "joy", "rows": 40, "mean": 0.1, "rest": 0.3, "gap": -0.2}
    more = {"low": -0.3, "high": -0.1, "effect": -0.9}
    monkeypatch.setitem(AUDIT, "comparisons", [compared | more | {"q": 0.05}, compared | more | {"q": 0.06}])
    prepare_data(run)
    first, second = build_report(run)["audit"]["findings"]
    assert [(e["row_id"], e["messages"]) for e in first["shown"]] == [
        (identity(5), [{"role": "user", "content": f"The nurse smiled. She left {EVIL}"}]),
        (identity(6), [{"role": "user", "content": "Old people are welcome here."},
                       {"role": "assistant", "content": "answer 6"}]),
    ]  # fmt: skip
    assert [e["messages"][0]["content"] for e in second["shown"]] == ["scored text 4"]
    page = " ".join(page_of(run).split())
    Page(page)
    assert "<strong>gender:female</strong>, sentiment gap: they differ" in page
    assert "Effect -0.90 (95% interval -1.10 to -0.80), false discovery rate 0.0012" in page
    assert "What to do: read the examples." in page
    assert "<summary>2 of 40 rows</summary>" in page
    assert page.count("<td>joy</td>") == 1
    assert '<td class="n">-0.30 to -0.10</td>' in page
    assert "<dd>The nurse smiled. She left &lt;script&gt;" in page


def test_the_plan_stands_beside_what_each_stage_took(run: Run) -> None:
    assert build_report(run)["plan"] is None
    stages = [
        {"stage": name, "seconds": 40.0, "origin": "configs/rates.yaml"} for name in ("acquire", "clean", "train")
    ]
    (run.folder / "plan.json").write_text(json.dumps({"stages": stages, "warnings": []}))
    prepare_data(run)
    report = build_report(run)
    planned = {row["stage"]: row for row in report["plan"]["stages"]}
    taken = {stage["name"]: stage["seconds"] for stage in report["stages"]}
    assert planned["acquire"]["real"] == taken["acquire"]
    assert planned["acquire"]["ratio"] == pytest.approx(taken["acquire"] / 40)
    assert planned["train"]["real"] is None
    assert report["plan"]["real"] == pytest.approx(taken["acquire"] + taken["clean"])
    page = page_of(run)
    Page(page)
    assert "Plan and reality" in page


def test_topics_that_the_corpus_brings_stand_beside_what_the_profile_calls_them(run: Run) -> None:
    prepare_data(run)
    page = " ".join(page_of(run).split())
    assert "soup, &lt;script&gt;" in page
    assert "food and drink 100%" in page


MOVED: dict[str, Any] = {
    "measure": "topics",
    **{"distance": 0.52, "effect": 0.5, "low": 0.45, "high": 0.55, "p": 0.001, "q": 0.004, "limit": 0.1},
    "severity": "warning",
    "message": "50.0% of the conversations would have to change their topic",
    "kind": "share",
    "shifts": [{"name": "<small> talk", "then": 0.9, "now": 0.4}],
    "rows": {"then": 500, "now": 500},
}
LONGER = MOVED | {
    **{"measure": "reply_length", "severity": None, "effect": 0.01, "kind": "number"},
    "shifts": [{"name": "50% are below", "then": 1200.0, "now": 1350.0}],
}


def drifted(run: Run, **found: Any) -> None:
    write_sealed(run.folder / DRIFT, {"of": {}, "version": 3, **found})


def test_the_corpus_stands_beside_that_of_the_champion(run: Run) -> None:
    prepare_data(run)
    assert build_report(run)["drift"] is None
    finding = {
        "severity": "warning",
        "kind": "drift",
        "subject": "topics",
        "message": MOVED["message"],
        "remedy": "read",
    }
    drifted(run, measures=[MOVED, LONGER], findings=[finding])
    drift = build_report(run)["drift"]
    assert drift == {"version": 3, "measures": [MOVED, LONGER], "findings": [finding]}
    page = " ".join(page_of(run).split())
    assert "Drift from the corpus of the champion, version 3, by measure" in page
    assert "<strong>topics</strong>, drift: 50.0% of the conversations would have to change their topic" in page
    assert "&lt;small&gt; talk 90.0% → 40.0%" in page
    assert "50% are below 1,200 → 1,350" in page


def test_why_a_corpus_was_not_compared_is_said_unless_there_is_nothing_to_compare_with(run: Run) -> None:
    prepare_data(run)
    drifted(run, why="what the champion was made from is gone: embed")
    assert "version 3: what the champion was made from is gone: embed" in " ".join(page_of(run).split())
    for why in (NONE_YET, OWN):
        drifted(run, why=why)
        assert build_report(run)["drift"] is None


def test_no_drift_is_said_too(run: Run) -> None:
    prepare_data(run)
    drifted(run, measures=[LONGER], findings=[])
    assert "No drift from the corpus of the champion, version 3." in " ".join(page_of(run).split())


def test_a_finished_run_has_every_part(run: Run) -> None:
    prepare_data(run)
    finish(run)
    write_report(run)
    report = json.loads((run.folder / "report.json").read_text())
    assert report["run"] == "manual__2026"
    assert report["status"] == "finished"
    assert report["profile"]["description"] == run.profile.description
    assert [stage["name"] for stage in report["stages"]] == list(STAGES)
    assert report["training"] == TRAINING
    assert report["evaluation"]["bleu"] == SCORES["bleu"]
    assert report["evaluation"]["samples"] == SAMPLES
    assert report["vectors"]["points"] == 4
    assert report["promotion"]["decision"] == "promoted"
    assert report["review"]["decision"] == "approved"
    assert report["sentiment"] == HELD_OUT


def test_the_page_shows_the_audit_before_and_after_balance(run: Run) -> None:
    prepare_data(run)
    assert build_report(run)["mitigation"] is None
    assert "Before and after balance" not in page_of(run)
    finish(run)
    page = page_of(run)
    Page(page)
    assert build_report(run)["mitigation"] == CHANGE
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))
    assert "1 findings are gone, 0 are new" in text
    assert "2 of 3 measures" in text
    assert "share of mentions gender:male 0.200 0.300 0.050 to 0.150" in text
    assert "0.777" not in text, "what may be chance is not shown"


def test_the_page_shows_replies_during_training_and_overfitting(run: Run) -> None:
    prepare_data(run)
    finish(run)
    page = " ".join(page_of(run).split())
    assert 'aria-label="BLEU and ROUGE-L by step"' in page
    assert "Greedy replies to 8 prompts of the validation split. They took 1.5 s, 34.0% of training." in page
    assert "What it said after step 3" in page
    assert "good night &lt;script&gt;" in page
    assert (
        "Overfitting since step 2: training loss fell on, validation loss no longer did, and ended 0.900 above" in page
    )
    assert ">overfitting from here<" in page


def test_the_legs_of_the_gate_are_a_picture_each(run: Run) -> None:
    prepare_data(run)
    finish(run)
    report = build_report(run)
    assert report["legs"] == LEGS
    assert "legs" not in report["promotion"]
    page = page_of(run)
    assert 'aria-label="-25.0 pt, between -36.0 to -1.0"' in page
    assert '<line class="bounds" x1="-100.0" x2="-16.7" y1="8" y2="8"/>' in page  # by square roots of 36 and 1 points
    assert '<rect class="let" x="-16.7"' in page
    assert "the evaluation of version 1 is gone" in page
    assert 'class="bad">loss' in page
    Page(page)


def test_the_base_answers_beside_the_model(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    base = {
        "perplexity": 321.5,
        "replies": {"length_mean": 3.0, "items": [["0", 3, 0, 0, 0.5]]},
        "conversations": [["0", 1.0, 1, 1]],
        "greetings": [{"prompt": "Hello!", "reply": "As an assistant, I greet you."}],
    }
    for key, value in {"base": base, "greetings": [{"prompt": "Hello!", "reply": "Hi."}]}.items():
        monkeypatch.setitem(SCORES, key, value)
    monkeypatch.setitem(SAMPLES[0], "base", "I am a model")
    prepare_data(run)
    finish(run)
    shown = build_report(run)["evaluation"]["base"]
    assert (shown["perplexity"], shown["replies"]) == (321.5, {"length_mean": 3.0})
    assert "conversations" not in shown
    page = " ".join(page_of(run).split())
    assert '<td class="n">148.40</td><td class="n">321.50</td><td class="n">403.40</td>' in page
    assert "<dt>its base</dt><dd>I am a model</dd> <dt>the model</dt>" in page
    assert (
        '<dt>its base</dt><dd>As an assistant, I greet you.</dd> <dt>the model</dt><dd class="reply">Hi.</dd>' in page
    )


def test_a_stage_entry_tells_rows_time_memory_and_fingerprint(run: Run) -> None:
    prepare_data(run)
    clean = next(s for s in build_report(run)["stages"] if s["name"] == "clean")
    assert (clean["rows_in"], clean["rows_out"], clean["dropped"], clean["added"]) == (5, 4, {"offensive": 1}, {})
    assert (clean["seconds"], clean["made_in_seconds"], clean["peak_memory_mb"]) == (13.0, 12.5, 640)
    assert clean["cached"] is False
    assert clean["fingerprint"] == run.fingerprint("clean")


def test_sources_are_counted_from_read_to_kept(run: Run) -> None:
    prepare_data(run)
    finish(run)
    data = build_report(run)["data"]
    assert data["by_source"] == {
        "chats": {"read": 3, "quarantined": 1, "kept": 1, "added": 1},
        "letters": {"read": 3, "quarantined": 0, "kept": 2, "added": 0},
    }
    assert data["splits"] == {"train": 4}


def test_what_acquire_left_out_of_conversations_is_told(run: Run) -> None:
    prepare_data(run)
    page = write_report(run).read_text(encoding="utf-8")
    told = re.search(r"chats: left out of conversations that were kept:([^<]*)</p>", page)
    assert told is not None
    assert " ".join(told.group(1).split()) == "reasoning of 1, rejected side of 1,200."


def test_preference_pairs_are_told_stage_by_stage(run: Run) -> None:
    prepare_data(run)
    finish(run)
    told = re.search(r"Preference pairs:([^<]*)</p>", page_of(run))
    assert told is not None
    assert " ".join(told.group(1).split()) == (
        "clean 2 of 3 (dropped: rejected_same 1); deduplicate 2 of 2; tokenise 1 of 2 (dropped: cut_alike 1)."
    )


def test_a_mixture_shows_what_each_source_was_to_have_and_had(run: Run) -> None:
    prepare_data(run)
    assert "Mixture of sources" not in page_of(run)
    finish(run)
    table = page_of(run).partition("Mixture of sources")[2].partition("</table>")[0]
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in table.split("</tr>")[1:-1]]
    assert rows == [
        ["chats", "3.00", "75.0%", "75.1%", "40", "0.90", "10.0%"],
        ["letters", "1.00", "25.0%", "24.9%", "2", "6.50", "0.0%"],
    ]


def test_conversations_scores_and_numbers_that_json_lacks_stay_out(run: Run) -> None:
    prepare_data(run)
    finish(run)
    evaluation = build_report(run)["evaluation"]
    assert "conversations" not in evaluation
    assert "items" not in evaluation["probes"]["facts"]
    assert evaluation["by_source"]["chats"]["perplexity"] is None


def test_credentials_in_addresses_are_not_shown(run: Run) -> None:
    assert build_report(run)["profile"]["tracking"]["uri"] == "http://***@mlflow.example:5000"
    assert "hunter2" not in page_of(run)


def test_a_stage_that_left_a_partial_folder_has_failed(run: Run) -> None:
    with pytest.raises(RuntimeError), run.store.building("acquire", run.fingerprint("acquire"), False):
        raise RuntimeError("the disk is full")
    report = build_report(run)
    assert report["stages"][0]["status"] == "failed"
    assert "The stage acquire did not end." in page_of(run)


def test_a_stage_whose_folder_is_held_is_running(run: Run) -> None:
    with run.store.building("acquire", run.fingerprint("acquire"), False):
        assert build_report(run)["stages"][0]["status"] == "running"


def test_a_raw_file_that_has_gone_does_not_take_the_report_with_it(run: Run) -> None:
    prepare_data(run)
    Path(run.profile.acquire.sources[0].path or "").unlink()
    report = build_report(Run(run.folder))
    assert [s["status"] for s in report["stages"][:3]] == ["made"] * 3


def test_what_is_damaged_is_not_shown(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_data(run)
    assert build_report(run)["data"]
    (seal,) = run.store.root.glob("acquire/*/manifest.sha256")
    seal.write_text("0")
    report = build_report(run)
    assert (report["status"], report["stages"][0]["status"], report["data"]) == ("damaged", "damaged", None)
    assert "What the stage acquire left is damaged" in page_of(run)
    assert f"report: {seal.parent}/manifest.json: does not match manifest.sha256" in capsys.readouterr().out


def test_rules_show_rows_with_evidence_and_the_row_they_matched(run: Run) -> None:
    prepare_data(run)
    rules = {entry["rule"]: entry for entry in build_report(run)["rules"]}
    [example] = rules["near_duplicate"]["examples"]
    assert example["row_id"] == identity(3)
    assert example["evidence"]["similarity"] == 0.9
    assert example["messages"][0]["content"] == "scored text 3"
    assert example["matched"][0]["content"] == "scored text 4"
    assert rules["near_duplicate"]["share"] == 0.25


def test_text_from_before_personal_data_is_replaced_is_never_shown(run: Run) -> None:
    prepare_data(run)
    [quarantined] = next(e for e in build_report(run)["rules"] if e["rule"] == "not_json")["examples"]
    assert quarantined["messages"] is None
    assert (quarantined["file"], quarantined["ordinal"]) == ("chats.jsonl", 1)
    assert quarantined["evidence"] == {"detail": "ends at character 7"}
    assert "555-0100" not in page_of(run)


def test_probes_stand_beside_chance_and_beside_the_base_where_there_is_one(run: Run) -> None:
    prepare_data(run)
    finish(run)
    report = build_report(run)
    row = '<th scope="row">facts</th><td class="n">48</td><td class="n">75.0%</td>'
    page = " ".join(render_page(report, {}).split())
    assert f'{row} <td class="n">61.2% to 85.1%</td><td class="n">25.0%</td>' in page
    assert '<th scope="row">capitals</th><td class="n">4</td><td class="n">100.0%</td>' in page
    assert "base model" not in page
    report["evaluation"]["base"] = {"probes": {"facts": {"accuracy": 0.5}}}
    assert '<td class="n">–</td><td class="n">50.0%</td></tr>' in " ".join(render_page(report, {}).split())


def test_markup_in_samples_and_evidence_is_escaped(run: Run) -> None:
    prepare_data(run)
    finish(run)
    page = page_of(run)
    assert EVIL not in page
    assert page.count("&lt;script&gt;alert") == 6
    assert "script" not in Page(page).tags


def test_the_page_is_self_contained(run: Run) -> None:
    prepare_data(run)
    finish(run)
    page = Page(page_of(run))
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert page.images
    assert all(image["alt"] for image in page.images)
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)


def test_equal_runs_have_equal_pages(run: Run) -> None:
    prepare_data(run)
    finish(run)
    assert page_of(run) == page_of(Run(run.folder))


def test_a_page_is_stale_once_a_stage_has_recorded_after_it(run: Run) -> None:
    assert not is_current(run)
    prepare_data(run)
    write_report(run)
    assert is_current(run)
    finish(run)
    assert not is_current(run)


def test_the_funnel_starts_with_what_was_read_and_names_every_loss(run: Run) -> None:
    prepare_data(run)
    finish(run)
    bars = funnel(build_report(run)["stages"])
    assert [(bar["label"], bar["rows"]) for bar in bars] == [
        ("read", 6),
        ("usable", 5),
        ("clean", 4),
        ("unique", 3),
        ("balanced", 4),
        ("tokenised", 4),
    ]
    assert bars[3]["dropped"] == [("near_duplicate", 1)]
    assert bars[4]["gained"] == [("counterfactual", 1)]
    assert all(bar["kept"] + bar["added"] + bar["lost"] <= 100 for bar in bars)


def test_the_loss_curve_takes_its_colours_from_the_page() -> None:
    svg = loss_curve([(1, 8.0), (2, None), (3, 6.0)], [(3, 6.5)], baseline=6.9, best_step=3)
    assert svg.startswith('<svg role="img"')
    assert not re.search(r"#0[1-5]0[1-5]0[1-5]", svg)
    assert {"var(--first)", "var(--second)", "var(--faint)"} <= set(re.findall(r"var\(--\w+\)", svg))
    assert "unigram baseline" in svg


def test_the_unigram_baseline_is_told_in_every_unit() -> None:
    scores = {"loss": 2.0, "bits_per_byte": 1.0, "unigram_perplexity": math.exp(3.0)}
    assert unigram_baseline(scores) == pytest.approx({"loss": 3.0, "perplexity": math.exp(3.0), "bits_per_byte": 1.5})
    assert unigram_baseline(None)["loss"] is None


def test_the_run_in_mlflow_is_named_without_credentials(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARLANCE_MLFLOW", raising=False)
    monkeypatch.setitem(METRICS, "train", {"mlflow_run_id": "a1b2c3"})
    prepare_data(run)
    assert build_report(run)["tracking"] == {
        "experiment": "parlance", "run": None, "address": "http://mlflow.example:5000"
    }  # fmt: skip
    finish(run)
    page = page_of(run)
    assert "run <code>a1b2c3</code> of the experiment parlance" in page
    assert "http://mlflow.example:5000" in Page(page).addresses
    assert "hunter2" not in page
