"""The report of a run, over artifacts made by hand and committed through the real store."""

import hashlib
import json
import math
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.load import load_profile
from pipeline.contract.artifact import Ledger
from pipeline.contract.run import Run
from pipeline.contract.sealed_json import write_sealed
from pipeline.contract.stage import config_slice
from pipeline.contract.stages import STAGES
from pipeline.drift.drift import DRIFT, NONE_YET, OWN
from pipeline.report.loss_plot import loss_curve
from pipeline.report.page import funnel, render_page, unigram_baseline
from pipeline.report.report import build_report, is_current, write_report

EVIL = "<script>alert('x')</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="10" height="10"/></svg>'

HELD_OUT = {
    **{"rows": 900, "accuracy": 0.66, "macro_f1": 0.533, "calibration_error": 0.016},
    **{f"sentiment_{name}": value for name, value in (("rows", 820), ("accuracy", 0.72), ("macro_f1", 0.7))},
    "sentiment_calibration_error": 0.019,
}
AUDIT = {
    "rows": 5,
    "topics": {"small talk": 3, "food and drink": 2},
    "mentions": {"gender": {"female": 2, "male": 1}},
    "sentiment_by_group": {"gender": {"female": {"mean": 0.2, "rows": 2}, "male": {"mean": -0.1, "rows": 1}}},
    "clusters": [{"name": "soup, bread", "words": ["soup", EVIL], "rows": 2, "topics": {"food and drink": 2}}],
    "findings": [{"severity": "warning", "kind": "share", "subject": "small talk", "message": "small talk is 60%"}],
}
CHANGE = {
    "rows": {"before": 3, "after": 4},
    "findings": {"gone": AUDIT["findings"], "new": [], "stayed": []},
    "measures": [
        {"measure": "share of topic", "subject": EVIL, "before": 0.6, "after": 0.45, "low": -0.2, "high": -0.1},
        {
            "measure": "share of mentions",
            "subject": "gender:male",
            "before": 0.2,
            "after": 0.3,
            "low": 0.05,
            "high": 0.15,
        },
        {"measure": "share of emotion", "subject": "joy", "before": 0.777, "after": 0.778, "low": -0.1, "high": 0.1},
    ],
}
METRICS = {
    "acquire": {"chats": {"left_out": {"reasoning": 1, "rejected side": 1_200}}},
    "clean": {"pairs": {"in": 3, "out": 2, "dropped": {"rejected_same": 1}}},
    "deduplicate": {"pairs": {"in": 2, "out": 2, "dropped": {}}},
    "tokenise": {
        "pairs": {"train": {"rows": 1}, "validation": {"rows": 0}, "test": {"rows": 0}},
        "pairs_cut": {"prompts_shortened": 1, "replies_shortened": 0, "cut_alike": 1},
    },
}
TRAINING = {
    "parameters": 4_000_000,
    "ranks": 2,
    "steps": 3,
    "tokens": 12_288,
    "tokens_per_second": 2800.0,
    "seconds": 4.4,
    "best_step": 2,
    "stopped_early": False,
    "train_loss": [[1, 8.0], [2, 6.0], [3, 5.5]],
    "validation_loss": [[2, 6.2], [3, 6.4]],
    "precision": "fp32",
    "zero_stage": 1,
    "mix": {
        "chats": {"weight": 3.0, "asked": 0.75, "seen": 0.7512, "sequences": 40, "epochs": 0.9, "unseen": 0.1},
        "letters": {"weight": 1.0, "asked": 0.25, "seen": 0.2488, "sequences": 2, "epochs": 6.5, "unseen": 0.0},
    },
    "validation_bleu": [[2, 1.5], [3, 2.5]],
    "validation_rouge_l": [[2, 0.1], [3, 0.15]],
    "validation_samples": [[3, [{"prompt": "user hello assistant", "reference": "hi", "reply": f"good night {EVIL}"}]]],
    "validation_replies": {"count": 8, "seconds": 1.5, "share": 0.34},
    "overfitting": {"since": 2, "gap": [[2, 0.2], [3, 0.9]]},
}
SCORES = {
    "loss": 5.0,
    "perplexity": 148.4,
    "bits_per_byte": 2.5,
    "tokens": 900,
    "unigram_perplexity": 403.4,
    "bleu": {"score": 3.2, "signature": "nrefs:1|tok:13a"},
    "rouge": {"rouge1": 0.2, "rouge2": 0.1, "rougeL": 0.2, "rougeLsum": 0.2},
    "by_source": {"chats": {"loss": 5.0, "perplexity": float("inf"), "tokens": 900}},
    "by_topic": {"small talk": {"loss": 5.0, "perplexity": 148.4, "tokens": 900}},
    "probes": {
        "facts": {
            "accuracy": 0.75,
            "low": 0.612,
            "high": 0.851,
            "count": 48,
            "chance": 0.25,
            "plain": 0.625,
            "prior": 0.25,
            "groups": {"capitals": {"accuracy": 1.0, "low": 0.51, "high": 1.0, "count": 4}},
            "items": [["paris", 1.0]],
        }
    },
    "conversations": [["0" * 32, 12.5, 3]],
}
LEG = {
    "name": "probe:intent",
    "unit": "accuracy",
    "what": "items",
    "items": 48,
    "before": 0.75,
    "after": 0.5,
    "relative": False,
    "gain": -0.25,
    "low": -0.36,
    "high": -0.01,
    "p": 0.001,
    "require": "no_loss",
    "tolerance": 0.01,
    "verdict": "loss",
    "why": "",
}
LEGS = [
    LEG,
    LEG
    | {"name": f"source:{EVIL}", "verdict": "not compared", "why": "the evaluation of version 1 is gone", "items": 0}
    | dict.fromkeys(("gain", "low", "high", "p", "before")),
]
SAMPLES = [{"prompt": [{"role": "user", "content": "hello"}], "reference": "hi", "reply": f"good day {EVIL}"}]


def identity(number: int) -> str:
    return hashlib.md5(str(number).encode()).hexdigest()


def conversation(number: int, text: str = "", **columns: Any) -> dict[str, Any]:
    return {
        "row_id": identity(number),
        "source": "chats" if number % 2 else "letters",
        "origin": {"file": "chats.jsonl", "ordinal": number},
        "messages": [
            {"role": "user", "content": text or f"question {number}"},
            {"role": "assistant", "content": f"answer {number}"},
        ],
        **columns,
    }


def dropped(number: int, rule: str, **evidence: Any) -> dict[str, Any]:
    row = conversation(number)
    return {k: row[k] for k in ("row_id", "source", "origin")} | {"rule": rule, "evidence": json.dumps(evidence)}


def commit(run: Run, stage: str, ledger: Ledger, tables: dict[str, list[dict]], files: dict[str, Any]) -> None:
    """Commits an artifact of the run's own fingerprint and records it, as run_stage does."""
    print_ = run.fingerprint(stage)
    with run.store.building(stage, print_, False) as partial:
        for name, rows in tables.items():
            (partial / name).mkdir()
            pq.write_table(pa.Table.from_pylist(rows), partial / name / "part-00000.parquet")
        for name, contents in files.items():
            (partial / name).parent.mkdir(exist_ok=True)
            data = contents if isinstance(contents, bytes) else json.dumps(contents).encode()
            (partial / name).write_bytes(data)
        manifest = {
            "stage": stage,
            "version": STAGES[stage].version,
            "fingerprint": print_,
            "inputs": run.input_fingerprints(stage),
            "config": config_slice(STAGES[stage], run.profile),
            "ledger": ledger,
            "metrics": METRICS.get(stage, {}),
            "timing": {"started": "2026-11-21T20:00:00+00:00", "seconds": 12.5, "peak_memory_mb": 640},
            "libraries": {"python": "3.11.0"},
        }
        run.store.commit(partial, manifest)
    run.record(stage, print_, False, 13.0, datetime(2026, 11, 21, 20, list(STAGES).index(stage), tzinfo=UTC))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that has not started: nine records, of which a stage at a time drops some."""
    raw = tmp_path / "chats.jsonl"
    raw.write_text("{}\n")
    settings = [f"storage.root={tmp_path / 'root'}", "tracking.uri=http://reader:hunter2@mlflow.example:5000"]
    return Run.begin(load_profile("scratch", settings, str(raw)), "manual__2026")


def prepare_data(run: Run, audit: dict[str, Any] = AUDIT) -> None:
    """acquire to audit. Row 1 is unreadable, 2 offensive, 3 a near duplicate of 4; 7 is a synthetic copy."""
    said = {5: f"It rained. The nurse smiled. She left {EVIL}", 6: "Old people are welcome here."}
    scored = [conversation(i, text=said.get(i, f"scored text {i}"), language="en") for i in range(2, 7)]
    acquired = [conversation(i, text="call me on 555-0100") for i in range(2, 7)]
    commit(
        run,
        "acquire",
        Ledger(6, 5, {}, {"not_json": 1}),
        {"data": acquired, "dropped": [dropped(1, "not_json", detail="ends at character 7")]},
        {},
    )
    commit(run, "score", Ledger(5, 5), {"data": scored}, {})
    commit(
        run,
        "clean",
        Ledger(5, 4, {}, {"offensive": 1}),
        {"data": scored[1:], "dropped": [dropped(2, "offensive", score=0.97, term=EVIL)]},
        {},
    )
    near = dropped(3, "near_duplicate", matched=identity(4), similarity=0.9)
    unique = [row | {"split": "train"} for row in scored[2:]]
    commit(run, "deduplicate", Ledger(4, 3, {}, {"near_duplicate": 1}), {"data": unique, "dropped": [near]}, {})
    commit(run, "embed", Ledger(3, 3), {}, {})
    commit(run, "sentiment", Ledger(), {}, {"held_out.json": HELD_OUT})
    commit(run, "annotate", Ledger(3, 3), {}, {})
    commit(run, "audit", Ledger(3, 3), {}, {"audit.json": audit, "plots/topics.svg": SVG})


def finish(run: Run) -> None:
    """review to promote."""
    kept = [conversation(i, split="train", augmentation=None) for i in range(4, 7)]
    copy = conversation(7, split="train", augmentation="counterfactual")
    commit(
        run, "review", Ledger(3, 3), {}, {"decision.json": {"decision": "approved", "by": "thresholds", "findings": []}}
    )
    commit(run, "generate", Ledger(), {}, {})
    commit(run, "balance", Ledger(3, 4, {"counterfactual": 1}), {"data": [*kept, copy]}, {})
    commit(run, "reannotate", Ledger(4, 4), {}, {})
    commit(run, "reaudit", Ledger(4, 4), {}, {"change.json": CHANGE})
    commit(run, "index", Ledger(4, 4), {}, {"index.json": {"engine": "qdrant-edge", "points": 4, "dimensions": 384}})
    commit(run, "tokenise", Ledger(4, 4), {}, {})
    commit(run, "train", Ledger(4, 4), {}, {"training.json": TRAINING})
    commit(run, "base", Ledger(0, 0), {}, {"base.json": None})
    commit(run, "evaluate", Ledger(4, 4), {}, {"evaluation.json": SCORES, "samples.json": SAMPLES})
    commit(
        run,
        "promote",
        Ledger(4, 4),
        {},
        {
            "promotion.json": {
                "decision": "promoted",
                "reason": "first model",
                "name": "parlance-chat",
                "version": 1,
                "champion": None,
                "legs": LEGS,
            }
        },
    )


class Page(HTMLParser):
    """Tags and addresses of a page; fails on a tag that closes another."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "xlink:href", "action") and v]
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> at {self.getpos()}"


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
