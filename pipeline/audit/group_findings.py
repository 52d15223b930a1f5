"""What stands out in what is said of groups: in comparisons, words, occupations and exclusion of audit.json."""

from collections.abc import Iterator
from typing import Any

from configs.audit import Findings
from pipeline.audit import exclusion
from pipeline.audit.finding import Finding
from pipeline.audit.portrayal import ADVERSE
from pipeline.audit.severity import SEVERITIES, severity, sure

ADVERSE_TONES = {"sentiment": -1, "offensive": 1, "anger": 1, "disgust": 1, "fear": 1, "sadness": 1, "joy": -1}
"""The direction in which a tone is to a group's disadvantage."""
KINDS = {"sentiment": ("sentiment gap", "sentiment"), "offensive": ("offensiveness gap", "offensiveness")}
NUMBERS = ("mean", "rest", "gap", "low", "high")
JOIN = " & "
LEAST_GAP = 0.05
"""Of a group's sentences, which a warning on words of a field surely is; twice that where they only differ. Near 0 an h
is large where the difference is a few sentences."""


def of_groups(audit: dict[str, Any], limits: Findings) -> Iterator[Finding]:
    yield from _compared(audit, limits)
    yield from _words(audit, limits)
    yield from _occupations(audit, limits)
    yield from _exclusion(audit, limits)
    yield from _absent(audit, limits)


def _compared(audit: dict[str, Any], limits: Findings) -> Iterator[Finding]:
    """Of every group by how it is spoken of and portrayed; of emotions only the one that differs most."""
    every = audit.get("comparisons", [])
    effects = {(c["group"], c["outcome"]): c["effect"] for c in every}
    emotion: dict[str, Finding] = {}
    for c in every:
        found = _of_comparison(c, limits)
        if not found or _follows(c, effects, limits):
            continue
        if found.kind == "emotion gap":
            known = emotion.get(c["group"])
            emotion[c["group"]] = max((f for f in (known, found) if f), key=_weight)
        else:
            yield found
    yield from emotion.values()


def _weight(finding: Finding) -> tuple[int, float]:
    return SEVERITIES.index(finding.severity), abs(finding.value)


def _follows(c: dict[str, Any], effects: dict[tuple[str, str], float], limits: Findings) -> bool:
    """Whether the effect on an intersection is no larger than that on one of its groups alone."""
    alone = [effects.get((group, c["outcome"]), 0.0) for group in c["group"].split(JOIN)]
    same = [abs(e) for e in alone if e * c["effect"] > 0]
    return JOIN in c["group"] and abs(c["effect"]) < max(same, default=0.0) + limits.min_effect


def _of_comparison(c: dict[str, Any], limits: Findings) -> Finding | None:
    outcome, sign = c["outcome"], 1 if c["effect"] > 0 else -1
    adverse = ADVERSE_TONES.get(outcome) == sign or (outcome in ADVERSE and sign > 0)
    said = severity(c["effect"], c["effect_low"], c["effect_high"], c["q"], adverse, limits)
    if not said:
        return None
    if (
        (c["kind"] == "tone" and not adverse)
        or (sign < 0 and outcome in ADVERSE)
        or (sign > 0 and c["kind"] == "agency")
    ):
        said = "info"
    if c["kind"] == "portrayal" and said != "info":
        least = LEAST_GAP if outcome in ADVERSE else 2 * LEAST_GAP
        said = said if sure(c["low"], c["high"]) >= least else "info"
    kind, told = _told(c)
    effect = {"effect": c["effect"], "low": c["effect_low"], "high": c["effect_high"], "q": c["q"]}
    shown = {"rows": c["rows"], "examples": c["examples"], "sentences": c["sentences"]}
    return Finding(said, kind, c["group"], c["effect"], limits.min_effect, told, **shown, **effect)


def _told(c: dict[str, Any]) -> tuple[str, str]:
    """The kind of finding that a comparison makes, and its message."""
    group, outcome, (mean, rest, gap, low, high) = c["group"], c["outcome"], (c[k] for k in NUMBERS)
    if c["kind"] == "tone":
        kind, what = KINDS.get(outcome, ("emotion gap", outcome))
        told = f"sentences on {group} have a mean {what} of {mean:+.2f}, comparable ones {rest:+.2f}"
        interval = f"gap {gap:+.2f}, 95% interval {low:+.2f} to {high:+.2f}"
    else:
        interval = f"gap {100 * gap:+.0f} points, 95% interval {100 * low:+.0f} to {100 * high:+.0f}"
        if c["kind"] == "agency":
            kind = "agency"
            told = f"{group} acts, and is not acted upon, in {mean:.0%} of sentences that show it, others in {rest:.0%}"
        else:
            kind = "stereotype"
            told = f"{mean:.0%} of the sentences on {group} have words of {outcome}, {rest:.0%} of comparable ones"
    return kind, f"{told} ({interval}; {c['rows']:,} conversations)"


def _words(audit: dict[str, Any], limits: Findings) -> Iterator[Finding]:
    """A warning when the words are most of what is said of a group and little of what is said otherwise."""
    for group, found in audit.get("words", {}).items():
        told = ", ".join(f"{w['word']} ({w['rows']})" for w in found["words"])
        most = found["words"][0]
        common = found["share"] >= 0.5 and found["separation"] >= limits.critical_effect
        message = (
            f"{group} is tied to {told}: {found['share']:.0%} of its conversations have one of these words, "
            f"{found['rest']:.0%} of the others; {_odds(most)}"
        )
        yield Finding(
            "warning" if common else "info", "word association", group, most["odds"], found["threshold"], message,
            found["rows"], found["examples"], most["odds"], most["low"], most["high"], most["q"],
            sentences=found["sentences"],
        )  # fmt: skip


def _occupations(audit: dict[str, Any], limits: Findings) -> Iterator[Finding]:
    """Critical when occupations that make up most of a group's surely are its own by SEGREGATED odds."""
    for group, found in audit.get("occupations", {}).items():
        told = ", ".join(f"{w['word']} ({w['rows']} to {w['others']:.0f})" for w in found["words"])
        most = found["words"][0]
        large = most["low"] >= found["segregated"] and found["share"] >= 0.5 and found["rows"] >= limits.min_group_rows
        message = (
            f"{group} is named with other occupations than the attribute's other groups: {told}, which are in "
            f"{found['share']:.0%} of its conversations on occupations; {_odds(most)}"
        )
        yield Finding(
            "critical" if large else "warning", "occupations", group, most["odds"], found["threshold"], message,
            found["rows"], found["examples"], most["odds"], most["low"], most["high"], most["q"],
            sentences=found["sentences"],
        )  # fmt: skip


def _odds(word: dict[str, Any]) -> str:
    interval = f"95% interval {word['low']:+.1f} to {word['high']:+.1f}"
    return f"log-odds of {word['word']} {word['odds']:+.1f}, {interval}"


def _exclusion(audit: dict[str, Any], limits: Findings) -> Iterator[Finding]:
    for e in audit.get("exclusion", []):
        said = exclusion.severity(e["ratio"], e["high"], e["q"], limits)
        if said:
            message = (
                f"{e['rows']:,} of {e['total']:,} mentions of {e['attribute']} are of {e['group']}, {e['share']:.1%}; "
                f"the reference has {e['expected']:.1%} (ratio {e['ratio']:.2f}, 95% interval {e['low']:.2f} to "
                f"{e['high']:.2f})"
            )
            yield Finding(
                said, "group under-represented", f"{e['attribute']}:{e['group']}", e["ratio"], exclusion.TOLD, message,
                e["rows"], [], e["ratio"], e["low"], e["high"], e["q"],
            )  # fmt: skip


def _absent(audit: dict[str, Any], limits: Findings) -> Iterator[Finding]:
    for attribute, groups in audit["mentions"].items():
        absent = [group for group, rows in groups.items() if rows == 0]
        if absent and max(groups.values()) >= limits.min_group_rows:
            words = f"of {attribute} never mentioned: {', '.join(absent)}"
            yield Finding("info", "group absent", attribute, len(absent), 0, words, 0)
