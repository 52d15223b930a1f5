"""Runs whose artifacts are made by hand and committed through the real store, and what they hold."""

import hashlib
import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.contract.artifact import Ledger
from pipeline.contract.run import Run
from pipeline.contract.stage import config_slice
from pipeline.contract.stages import STAGES

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
SCORES: dict[str, Any] = {
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
    to_tokens(run)
    to_promotion(run)


def to_tokens(run: Run) -> None:
    """review to tokenise."""
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


def to_promotion(run: Run) -> None:
    """train to promote."""
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
