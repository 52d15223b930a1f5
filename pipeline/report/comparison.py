"""Runs side by side: what was set otherwise, and what came of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from configs.errors import UserError
from pipeline.contract.champion import champion_fingerprint
from pipeline.contract.metrics import figures_of
from pipeline.contract.run import Run
from pipeline.contract.run_folder import NAME
from pipeline.contract.sealed_json import DamagedError
from pipeline.contract.stages import STAGES
from pipeline.report.measured_items import EVALUATION, compared

FEWEST, MOST = 2, 6
"""Runs that are compared at once; a page has no room for more."""

MOST_SAMPLES = 20
SEVERITIES = ("critical", "warning", "info")

Report = dict[str, Any]


def comparison(runs: list[Run], reports: list[Report]) -> dict[str, Any]:
    """The runs, in the order given, as JSON values. reports: each run's report.json, as new as its records.

    Every list of `values`, `rows`, `replies`, … holds one entry a run; null where a run has none.
    """
    if not FEWEST <= len(runs) <= MOST:
        raise UserError(f"compare: {len(runs)} runs; give {FEWEST} to {MOST} different ones")
    evaluations = tuple(_evaluation(run, report) for run, report in zip(runs, reports, strict=True))
    champion = champion_fingerprint(runs[0].root, runs[0].profile.promote.model_name, "evaluate")
    return {
        "runs": [
            {
                "name": name_of(run),
                "started": report["started"],
                "seconds": report["seconds"],
                "status": report["status"],
                "description": report["profile"].get("description") or "",
                "decision": (report["promotion"] or {}).get("decision"),
                "version": (report["promotion"] or {}).get("version"),
                "champion": bool(champion and folder and folder.name == champion),
            }
            for run, report, folder in zip(runs, reports, evaluations, strict=True)
        ],
        **_settings(reports),
        "funnel": _funnel(reports),
        "findings": _findings(reports),
        "curves": [_curves(report) for report in reports],
        "tokens_alike": len({_print(report, "tokenise") for report in reports}) == 1,
        "measures": [m._asdict() for m in compared(evaluations)],
        "figures": _figures(reports),
        "seconds": _seconds(reports),
        "samples": _samples(reports),
    }


def name_of(run: Run) -> str:
    """The run's whole name."""
    try:
        return (run.folder / NAME).read_text(encoding="utf-8")
    except OSError:  # begun before names were kept
        return run.id


def _evaluation(run: Run, report: Report) -> Path | None:
    """The folder of evaluate's artifact."""
    if report["evaluation"] is None:
        return None
    try:
        found = run.store.find("evaluate", _print(report, "evaluate") or "none")
    except DamagedError:
        found = None
    if found is None:
        return None
    folder = found.path
    return folder if (folder / EVALUATION).is_file() else None


def _print(report: Report, stage: str) -> str | None:
    return next(entry["fingerprint"] for entry in report["stages"] if entry["name"] == stage)


def _settings(reports: list[Report]) -> dict[str, Any]:
    """settings: {key, values} of the profile's keys that differ; alike: how many do not."""
    each = [dict(_leaves(report["profile"], "")) for report in reports]
    keys = list(dict.fromkeys(key for values in each for key in values))
    differing = [key for key in keys if len({json.dumps(values.get(key), sort_keys=True) for values in each}) > 1]
    rows = [{"key": key, "values": [values.get(key) for values in each]} for key in differing]
    return {"settings": rows, "alike": len(keys) - len(differing)}


def _leaves(values: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _funnel(reports: list[Report]) -> list[dict[str, Any]]:
    """{stage, label, rows, kept (share of what was read)}, from what was read on."""
    names = {name: stage.shown.funnel for name, stage in STAGES.items() if stage.shown.funnel}
    each = [{entry["name"]: entry for entry in report["stages"]} for report in reports]
    first = next(iter(names))
    read = [entries[first]["rows_in"] for entries in each]
    steps = [("", "read", read), *((n, label, [e[n]["rows_out"] for e in each]) for n, label in names.items())]
    return [
        {
            "stage": stage,
            "label": label,
            "rows": rows,
            "kept": [r / of if r is not None and of else None for r, of in zip(rows, read, strict=True)],
        }
        for stage, label, rows in steps
        if any(r is not None for r in rows)
    ]


def _findings(reports: list[Report]) -> list[dict[str, Any]]:
    """{kind, subject, severities, messages}: those that not all runs have alike first, the worst of them on top."""
    each = [
        {(str(f.get("kind")), str(f.get("subject"))): f for f in (report["audit"] or {}).get("findings") or []}
        for report in reports
    ]
    found = []
    for kind, subject in dict.fromkeys(key for findings in each for key in findings):
        ours = [findings.get((kind, subject)) for findings in each]
        severities = [f and f["severity"] for f in ours]
        if any(s not in (None, "info") for s in severities):
            messages = [f and f["message"] for f in ours]
            found.append({"kind": kind, "subject": subject, "severities": severities, "messages": messages})
    worst = {name: at for at, name in enumerate(SEVERITIES)}
    return sorted(
        found,
        key=lambda f: (len(set(f["severities"])) == 1, min(worst.get(s, len(worst)) for s in f["severities"] if s)),
    )


def _curves(report: Report) -> dict[str, Any] | None:
    """{batch_tokens, train_loss, validation_loss, best_step}, points by optimiser step."""
    training = report["training"]
    if not training:
        return None
    losses = {name: training.get(name) or [] for name in ("train_loss", "validation_loss")}
    per_step = report["profile"]["train"]["batch_tokens"]
    return {"batch_tokens": per_step, "best_step": training.get("best_step"), **losses}


def _figures(reports: list[Report]) -> list[dict[str, Any]]:
    """{label, decimals, reading, values} of what evaluations say of the whole test split."""
    each = [{f.key: (f, value) for _, f, value in figures_of(r["evaluation"] or {}) if f.page} for r in reports]
    declared = {key: figure for figures in each for key, (figure, _) in figures.items()}
    return [
        {
            "label": figure.page[0],
            "decimals": figure.page[1],
            "reading": figure.reading,
            "values": [figures[key][1] if key in figures else None for figures in each],
        }
        for key, figure in declared.items()
        if figure.page
    ]


def _seconds(reports: list[Report]) -> list[dict[str, Any]]:
    """{stage, values}: what each stage took whoever made its artifact."""
    each = [{entry["name"]: entry["made_in_seconds"] for entry in report["stages"]} for report in reports]
    rows = [{"stage": name, "values": [made.get(name) for made in each]} for name in STAGES]
    return [row for row in rows if any(value is not None for value in row["values"])]


def _samples(reports: list[Report]) -> list[dict[str, Any]]:
    """{prompt [{role, content}], reference, replies} of the prompts that at least two runs answered."""
    each = [dict(_said(report["evaluation"] or {})) for report in reports]
    keys = dict.fromkeys(key for said in each for key in said)
    found = []
    for key in keys:
        ours = [said.get(key) for said in each]
        there = [sample for sample in ours if sample]
        if len(there) > 1:
            replies = [sample and sample["reply"] for sample in ours]
            found.append({"prompt": there[0]["prompt"], "reference": there[0].get("reference"), "replies": replies})
    return found[:MOST_SAMPLES]


def _said(evaluation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What was asked, as a key, and the exchange."""
    for sample in [*(evaluation.get("samples") or []), *(evaluation.get("greetings") or [])]:
        prompt = sample["prompt"]
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        yield json.dumps(turns, sort_keys=True), sample | {"prompt": turns}
