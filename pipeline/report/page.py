"""The run report as one self-contained page: no script, no outside resource, every value escaped."""

import base64
import json
import math
from typing import Any

import yaml
from jinja2 import ChainableUndefined, Environment, PackageLoader
from markupsafe import Markup

from pipeline.contract import leg_table
from pipeline.contract.formatting import count, duration, magnitude, moment, number, percent, size
from pipeline.contract.metrics import figures_of, value_at
from pipeline.contract.stages import STAGES
from pipeline.report.loss_plot import loss_curve, preference_curve, reply_curve

TONES = {"promoted": "good", "already_champion": "good", "kept_champion": "open", "rejected": "bad"}
"""The gate's decision to the tone in which the page says it."""

UNMADE = ("damaged", "failed", "running")


def render_page(report: dict[str, Any], audit_plots: dict[str, bytes]) -> str:
    """The HTML of a report (see pipeline.report.report.build_report); audit_plots: name to SVG."""
    status = {stage["name"]: stage["status"] for stage in report["stages"]}
    return ENVIRONMENT.get_template("report.html.j2").render(
        report=report,
        stages={stage["name"]: stage for stage in report["stages"]},
        waiting={s.shown.part: {"stage": n, "status": status[n]} for n, s in STAGES.items() if s.shown.part},
        verdict=verdict(report),
        funnel=funnel(report["stages"]),
        baseline=unigram_baseline(report["evaluation"]),
        measures=measures(report["evaluation"] or {}),
        legs=legs(report["legs"]),
        widest=leg_table.widest_bound(report["legs"]),
        curve=_curve(report),
        replies=_replies(report),
        preferences=_preferences(report),
        plots=[
            {"name": name.replace("_", " ").replace("-", " "), "src": _data_uri(svg)}
            for name, svg in audit_plots.items()
        ],
        profile=yaml.safe_dump(report["profile"], sort_keys=False, allow_unicode=True),
    )


def verdict(report: dict[str, Any]) -> dict[str, str]:
    """How the run ended: {tone: good, bad or open; title; text}."""
    promotion = report["promotion"]
    if promotion:
        decision = str(promotion.get("decision") or "decided")
        title = decision.replace("_", " ").capitalize()
        return {"tone": TONES.get(decision, "open"), "title": title, "text": str(promotion.get("reason") or "")}
    unmade = {word: [s["name"] for s in report["stages"] if s["status"] == word] for word in UNMADE}
    if unmade["damaged"]:
        text = f"What the stage {unmade['damaged'][0]} left is damaged, and not shown. A rerun makes it again."
        return {"tone": "bad", "title": "Damaged", "text": text}
    if unmade["failed"]:
        text = f"The stage {unmade['failed'][0]} did not end. Its log says why; a rerun resumes there."
        return {"tone": "bad", "title": "Failed", "text": text}
    if unmade["running"]:
        return {"tone": "open", "title": "Running", "text": f"The stage {unmade['running'][0]} is at work."}
    first = next((s["name"] for s in report["stages"] if s["status"] == "missing"), "")
    return {"tone": "open", "title": "Unfinished", "text": f"The stage {first} has not run yet."}


def funnel(stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One bar a stage: {name, label, rows, kept, added, lost (shares of the widest bar), dropped, gained}.

    dropped and gained are lists of (rule, rows), the most first. The first bar is what was read.
    """
    labels = {name: stage.shown.funnel for name, stage in STAGES.items() if stage.shown.funnel}
    made = [s for s in stages if s["name"] in labels and s["rows_in"] is not None]
    if not made:
        return []
    widest = max([s["rows_in"] + sum(s["added"].values()) for s in made] + [1])
    bars = [_bar("", "read", made[0]["rows_in"], {}, {}, widest)]
    return bars + [_bar(s["name"], labels[s["name"]], s["rows_out"], s["added"], s["dropped"], widest) for s in made]


def _bar(
    name: str, label: str, rows: int, added: dict[str, int], dropped: dict[str, int], widest: int
) -> dict[str, Any]:
    gained = min(sum(added.values()), rows)
    return {
        "name": name,
        "label": label,
        "rows": rows,
        "kept": 100 * (rows - gained) / widest,
        "added": 100 * gained / widest,
        "lost": 100 * sum(dropped.values()) / widest,
        "dropped": sorted(dropped.items(), key=lambda item: (-item[1], item[0])),
        "gained": sorted(added.items(), key=lambda item: (-item[1], item[0])),
    }


def measures(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a figure of the evaluation: {label, decimals, value, base, baseline, reading, note}."""
    baseline = unigram_baseline(evaluation)
    base = {figure.key: value for _, figure, value in figures_of(evaluation.get("base") or {})}
    return [
        {
            "label": figure.page[0],
            "decimals": figure.page[1],
            "value": value,
            "base": base.get(figure.key),
            "baseline": baseline.get(figure.key),
            "reading": figure.reading,
            "note": value_at(evaluation, figure.note) if figure.note else "",
        }
        for _, figure, value in figures_of(evaluation)
        if figure.page
    ]


def legs(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a leg of the gate: its own keys, how its gain and bounds read, and `line`: where low, gain, high and, on
    either side, what is let pass stand between -1 and 1; null when it was not compared."""
    widest = leg_table.widest_bound(found)

    def line(leg: dict[str, Any]) -> dict[str, float] | None:
        if leg["gain"] is None:
            return None
        places = {key: leg_table.place(leg[key], widest) for key in ("low", "gain", "high", "tolerance")}
        return places | {"other_side": places["tolerance"] if leg["unit"] == "words" else 0.0}

    return [
        leg | {"gain_read": leg_table.gain(leg), "bounds_read": leg_table.bounds(leg), "line": line(leg)}
        for leg in found
    ]


def unigram_baseline(evaluation: dict[str, Any] | None) -> dict[str, float | None]:
    """Loss, perplexity and bits per byte of the unigram model on the same tokens.

    Bits per byte are loss times a constant of the text (tokens over bytes), so the model's own
    pair gives the baseline's.
    """
    scores = evaluation or {}
    perplexity, loss, bits = (scores.get(k) for k in ("unigram_perplexity", "loss", "bits_per_byte"))
    if not isinstance(perplexity, int | float) or perplexity <= 0:
        return {"loss": None, "perplexity": None, "bits_per_byte": None}
    own = math.log(perplexity)
    return {"loss": own, "perplexity": perplexity, "bits_per_byte": bits * own / loss if bits and loss else None}


def _curve(report: dict[str, Any]) -> Markup | None:
    training = report["training"] or {}
    if not (training.get("train_loss") or training.get("validation_loss")):
        return None
    svg = loss_curve(
        training.get("train_loss") or [],
        training.get("validation_loss") or [],
        None if "preferences" in training else unigram_baseline(report["evaluation"])["loss"],
        training.get("best_step"),
        (training.get("overfitting") or {}).get("since"),
        "pair" if "preferences" in training else "token",
    )
    return Markup(svg)  # drawn by pipeline.report.loss_plot from numbers alone


def _replies(report: dict[str, Any]) -> Markup | None:
    training = report["training"] or {}
    if not training.get("validation_bleu"):
        return None
    return Markup(reply_curve(training["validation_bleu"], training.get("validation_rouge_l") or []))


def _preferences(report: dict[str, Any]) -> list[Markup]:
    """Plots of what was measured of pairs; none where training learned from conversations."""
    found = (report["training"] or {}).get("preferences") or {}
    names = {"preference_accuracy": "pairs ranked right", "reward_margin": "reward margin"}
    return [
        Markup(preference_curve(found[name], found.get(f"validation_{name}") or [], label))
        for name, label in names.items()
        if found.get(name)
    ]


def _data_uri(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")


def evidence(value: Any) -> str:
    """A rule's evidence in one line."""
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    return ", ".join(_short(item) if key == "detail" else f"{key} {_short(item)}" for key, item in value.items())


def _short(item: Any) -> str:
    if isinstance(item, float):
        return f"{item:.3g}"
    text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
    return text if len(text) <= 80 else text[:80] + "…"


def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("pipeline.report", "templates"),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for filter_ in (count, number, percent, magnitude, duration, size, moment, evidence):
        found.filters[filter_.__name__] = filter_
    return found


ENVIRONMENT = _environment()
