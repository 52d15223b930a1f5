"""What the marks of a run say: who marked, how far they agree, and how precise each rule and finding is."""

import hashlib
from collections import defaultdict
from dataclasses import asdict
from itertools import combinations
from statistics import fmean
from typing import Any

from pipeline.contract.fingerprint import canonical_json
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.contract.wilson import wilson
from pipeline.review.agreement import agreement
from pipeline.review.marks import Mark, read, standing


def results(run: Run) -> dict[str, Any] | None:
    """{sha256 of the marks but their times, marks, rows, reviewers {name: marks}, agreement, strata}; None where
    nobody marked anything of the run's artifacts. Shares and bounds are rounded to four digits."""
    marks = standing_marks(run)
    if not marks:
        return None
    kept = [{key: value for key, value in asdict(mark).items() if key != "at"} for mark in marks]
    return {
        "sha256": hashlib.sha256(canonical_json(kept).encode()).hexdigest(),
        "marks": len(marks),
        "rows": len({mark.row for mark in marks}),
        "reviewers": {by: sum(m.by == by for m in marks) for by in sorted({m.by for m in marks})},
        "agreement": agreements(marks),
        "strata": precision(marks),
    }


def standing_marks(run: Run) -> list[Mark]:
    """The marks that count in a run."""
    if not (made := read(run.root)):
        return []
    recorded = run.outcomes()
    artifacts = {
        name: recorded[name]["fingerprint"] if name in recorded else run.fingerprint(name)
        for name in {mark.stage for mark in made} & STAGES.keys()
    }
    return standing(made, artifacts, run.profile.approval)


def agreements(marks: list[Mark]) -> list[dict[str, Any]]:
    """{between: [name, name], …Agreement} of every two reviewers who marked the same rows, strata together."""
    said: dict[str, dict[tuple[str, str], bool]] = defaultdict(dict)
    for mark in marks:
        said[mark.by][mark.stratum, mark.row] = bool(mark.right)
    found = []
    for one, other in combinations(sorted(said), 2):
        both = [(said[one][key], said[other][key]) for key in sorted(said[one].keys() & said[other].keys())]
        if both:
            found.append({"between": [one, other], **_rounded(asdict(agreement(both)))})
    return found


def precision(marks: list[Mark]) -> list[dict[str, Any]]:
    """{stratum, stage, rows, disputed, examples, precision, low, high} of each stratum with marks: the share of its
    rows that are right, with its Wilson interval.

    A row counts once: as the share of its reviewers who say that it is right. Rows that the audit chose as examples
    tell nothing of the others and are only counted; a stratum of such rows alone has no precision.
    """
    by_stratum: dict[str, dict[str, list[Mark]]] = defaultdict(lambda: defaultdict(list))
    for mark in marks:
        by_stratum[mark.stratum][mark.row].append(mark)
    found = []
    for stratum, rows in sorted(by_stratum.items()):
        drawn = [[bool(m.right) for m in of] for of in rows.values() if not of[0].example]
        share = fmean(fmean(said) for said in drawn) if drawn else None
        low, high = wilson(share, len(drawn)) if share is not None else (None, None)
        found.append(
            {
                "stratum": stratum,
                "stage": next(iter(rows.values()))[0].stage,
                "rows": len(drawn),
                "disputed": sum(len(set(said)) > 1 for said in drawn),
                "examples": len(rows) - len(drawn),
                **_rounded({"precision": share, "low": low, "high": high}),
            }
        )
    return found


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}


def lines(found: dict[str, Any] | None) -> list[str]:
    """The results as a person reads them in a terminal."""
    if found is None:
        return ["no row has been marked yet"]
    who = ", ".join(f"{by} {n:,}" for by, n in found["reviewers"].items())
    told = [f"marks: {found['marks']:,}, on different rows: {found['rows']:,}; by {who}"]
    for pair in found["agreement"]:
        told.append(f"{' and '.join(pair['between'])}: {agreement_words(pair)}")
    for stratum in found["strata"]:
        told.append(f"{stratum['stratum']}: {precision_words(stratum)}")
    return told


def agreement_words(pair: dict[str, Any]) -> str:
    """One pair of reviewers, in words."""
    said = f"agree on {pair['raw']:.0%} of {pair['rows']:,} answers ({pair['raw_low']:.0%} to {pair['raw_high']:.0%})"
    if pair["kappa"] is None:
        return f"{said}; Cohen's κ is undefined, as both only ever said the same"
    return f"{said}, Cohen's κ {pair['kappa']:.2f} ({pair['low']:.2f} to {pair['high']:.2f})"


def precision_words(stratum: dict[str, Any]) -> str:
    """One stratum, in words."""
    if stratum["precision"] is None:
        return f"{stratum['examples']:,} of the audit's examples marked, no row that was drawn"
    disputed = f", {stratum['disputed']:,} disputed" if stratum["disputed"] else ""
    bounds = f"{stratum['low']:.0%} to {stratum['high']:.0%}"
    return f"{stratum['precision']:.0%} right ({bounds}) of {stratum['rows']:,} rows{disputed}"
