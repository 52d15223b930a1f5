"""What stands out in an audit's numbers, and how much it matters. Pure functions of audit.json."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from configs.audit import Findings
from pipeline.audit import exclusion
from pipeline.audit.portrayal import ADVERSE
from pipeline.audit.severity import SEVERITIES, severity, sure

ADVERSE_TONES = {"sentiment": -1, "offensive": 1, "anger": 1, "disgust": 1, "fear": 1, "sadness": 1, "joy": -1}
"""The direction in which a tone is to a group's disadvantage."""
KINDS = {"sentiment": "sentiment gap", "offensive": "offensiveness gap"}
JOIN = " & "
LEAST_GAP = 0.05
"""Of a group's sentences, which a warning on words of a field surely is; twice that where they only differ. Near 0 an h
is large where the difference is a few sentences."""

READ = "read the examples; "
REMEDIES = {
    "sentiment gap": READ + "add conversations that speak of the group as of others (balance.counterfactual_share), or "
    "remove the source that does not (review --remove-sources)",
    "emotion gap": READ + "downsample what shows the emotion or add conversations that show others",
    "offensiveness gap": READ + "lower clean.rules.max_offensive, or remove the source",
    "stereotype": READ
    + "add counterfactual copies (balance.counterfactual_share) or conversations that show the group "
    "otherwise",
    "occupations": READ + "add counterfactual copies (balance.counterfactual_share), which give the occupations to the "
    "other groups too",
    "word association": READ + "where it is a stereotype and no fact, add conversations that show the group otherwise",
    "agency": READ + "add counterfactual copies (balance.counterfactual_share)",
    "group under-represented": "add conversations on the group (a source that has them, or synthetic rows), or state "
    "another reference under findings.reference",
    "group absent": "state findings.reference if the group should be there",
    "topic over-represented": "lower balance.max_topic_share, or add sources on other topics",
    "topic under-represented": "add sources on the topic, or leave it out of audit.topics",
    "topic association": READ + "add conversations that mention the group in other topics",
    "source dominance": "weigh sources by acquire.sources.weight, or add others",
    "language mix": "keep the languages that are meant (clean.rules.languages)",
    "length bias": "drop pairs whose lengths differ most, or train with a length-normalised objective (orpo)",
}


@dataclass(frozen=True)
class Finding:
    """One line of the audit. subject is `topic`, `attribute`, `attribute:group`, two of these or `source`.

    value is held against threshold. rows: conversations that it stands on. examples: ids of up to three of them.
    sentences: which of each example's statements on groups is meant; empty where all of it is. effect, low, high: with
    its 95% interval, on the scale of value. q: the false discovery rate. remedy: what to do.
    What does not apply is None.
    """

    severity: str
    kind: str
    subject: str
    value: float
    threshold: float
    message: str
    rows: int | None = None
    examples: list[str] = field(default_factory=list)
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    q: float | None = None
    remedy: str = ""
    sentences: list[int] = field(default_factory=list)


def findings(audit: dict[str, Any], limits: Findings) -> list[dict[str, Any]]:
    """The findings over the numbers of audit.json, the worst first.

    Warnings are what a person should know before training, critical is what automatic review refuses by default: a
    topic beyond half of what max_topic_share leaves, or an effect to a group's disadvantage that surely is large
    (pipeline.audit.severity).
    """
    found = [
        *_topics(audit, limits),
        *_compared(audit, limits),
        *_words(audit, limits),
        *_occupations(audit, limits),
        *_exclusion(audit, limits),
        *_absent(audit, limits),
        *_associations(audit, limits),
        *_sources(audit, limits),
        *_languages(audit),
        *_reply_lengths(audit, limits),
    ]
    found = [replace(f, remedy=REMEDIES[f.kind]) for f in found]
    found.sort(key=lambda f: (-SEVERITIES.index(f.severity), f.kind, f.subject, -abs(f.value)))
    return [{k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(f).items()} for f in found]


def worst(found: list[dict[str, Any]]) -> str | None:
    """The worst severity among findings; None when there are none."""
    return max((f["severity"] for f in found), key=SEVERITIES.index, default=None)


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
    if (c["kind"] == "tone" and not adverse) or (outcome in ADVERSE and sign < 0):
        said = "info"
    if c["kind"] == "portrayal" and said != "info":
        least = LEAST_GAP if outcome in ADVERSE else 2 * LEAST_GAP
        said = said if sure(c["low"], c["high"]) >= least else "info"
    if c["kind"] == "tone":
        kind = KINDS.get(outcome, "emotion gap")
        what = {"sentiment": "mean sentiment", "offensive": "mean offensiveness"}.get(outcome, f"mean {outcome}")
        numbers = f"{c['mean']:+.2f} against {c['rest']:+.2f} of comparable sentences"
        interval = f"gap {c['gap']:+.2f}, 95% interval {c['low']:+.2f} to {c['high']:+.2f}"
    else:
        kind = "agency" if c["kind"] == "agency" else "stereotype"
        what = "acts, and is not acted upon, in" if kind == "agency" else f"words of {outcome} in"
        numbers = f"{c['mean']:.0%} of its sentences against {c['rest']:.0%} of comparable ones"
        interval = f"gap {100 * c['gap']:+.0f} points, 95% interval {100 * c['low']:+.0f} to {100 * c['high']:+.0f}"
    words = f"{what} {numbers} ({interval}; {c['rows']:,} conversations)"
    effect = {"effect": c["effect"], "low": c["effect_low"], "high": c["effect_high"], "q": c["q"]}
    shown = {"rows": c["rows"], "examples": c["examples"], "sentences": c["sentences"]}
    return Finding(said, kind, c["group"], c["effect"], limits.min_effect, words, **shown, **effect)


def _words(audit: dict[str, Any], limits: Findings) -> Iterator[Finding]:
    """A warning when the words are most of what is said of a group and little of what is said otherwise."""
    for group, found in audit.get("words", {}).items():
        told = ", ".join(f"{w['word']} ({w['rows']})" for w in found["words"])
        most = found["words"][0]
        common = found["share"] >= 0.5 and found["separation"] >= limits.critical_effect
        message = (
            f"tied to {told}: {found['share']:.0%} of its conversations have one of these words, {found['rest']:.0%} "
            f"of the others; log-odds of {most['word']} {most['odds']:+.1f}, 95% interval {most['low']:+.1f} to "
            f"{most['high']:+.1f}"
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
            f"occupations of this group rather than of the others of its attribute: {told}, which are "
            f"{found['share']:.0%} of those named with it; log-odds of {most['word']} {most['odds']:+.1f}, 95% "
            f"interval {most['low']:+.1f} to {most['high']:+.1f}"
        )
        yield Finding(
            "critical" if large else "warning", "occupations", group, most["odds"], found["threshold"], message,
            found["rows"], found["examples"], most["odds"], most["low"], most["high"], most["q"],
            sentences=found["sentences"],
        )  # fmt: skip


def _exclusion(audit: dict[str, Any], limits: Findings) -> Iterator[Finding]:
    for e in audit.get("exclusion", []):
        said = exclusion.severity(e["ratio"], e["high"], e["q"], limits)
        if said:
            message = (
                f"{e['rows']:,} of {e['total']:,} conversations that mention the attribute, {e['share']:.1%}; the "
                f"reference has {e['expected']:.1%} (ratio {e['ratio']:.2f}, 95% interval {e['low']:.2f} to "
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
            words = f"never mentioned: {', '.join(absent)}"
            yield Finding("info", "group absent", attribute, len(absent), 0, words, 0)


def _topics(audit: dict[str, Any], limits: Findings) -> list[Finding]:
    found = []
    for topic, rows in audit["topics"].items():
        share = rows / max(audit["rows"], 1)
        shown = rows, _examples(audit, "topics", topic)
        if topic != "other" and share < limits.min_topic_share:
            words = f"{share:.1%} of the rows are about {topic}, fewer than {limits.min_topic_share:.1%}"
            found.append(
                Finding("info", "topic under-represented", topic, share, limits.min_topic_share, words, *shown)
            )
        if share > limits.max_topic_share:
            said = "critical" if share > (1 + limits.max_topic_share) / 2 else "warning"
            words = f"{share:.1%} of the rows are about {topic}, more than {limits.max_topic_share:.1%}"
            found.append(Finding(said, "topic over-represented", topic, share, limits.max_topic_share, words, *shown))
    return found


def _associations(audit: dict[str, Any], limits: Findings) -> list[Finding]:
    found = []
    for attribute, groups in audit["topics_by_group"].items():
        for group, topics in groups.items():
            rows = sum(topics.values())
            for topic, count in topics.items():
                expected = rows * audit["topics"][topic] / audit["rows"]
                if count < limits.min_group_rows or count <= limits.max_topic_lift * expected:
                    continue
                words = f"{count:,} of {rows:,} rows that mention {group} are about {topic}, {expected:,.0f} by chance"
                subject = f"{attribute}:{group}"
                lift = count / expected
                shown = count, _examples(audit, "groups", f"{subject} {topic}")
                found.append(Finding("info", "topic association", subject, lift, limits.max_topic_lift, words, *shown))
    return found


def _sources(audit: dict[str, Any], limits: Findings) -> list[Finding]:
    found = []
    for source, topics in audit["by_source"].items():
        share = sum(topics.values()) / max(audit["rows"], 1)
        if share > limits.max_source_share and len(audit["by_source"]) > 1:
            words = f"{share:.1%} of the rows come from {source}"
            shown = sum(topics.values()), _examples(audit, "sources", source)
            found.append(Finding("info", "source dominance", source, share, limits.max_source_share, words, *shown))
    return found


def _languages(audit: dict[str, Any]) -> list[Finding]:
    languages = audit["languages"]
    if len(languages) < 2:
        return []
    main = max(languages, key=lambda code: languages[code])
    others = sum(languages.values()) - languages[main]
    words = f"{main} and {len(languages) - 1} other languages; word lists and sentiment are made for English"
    shown = others, [row for code in languages if code != main for row in _examples(audit, "languages", code)][:3]
    return [Finding("info", "language mix", main, others / max(audit["rows"], 1), 0, words, *shown)]


def _reply_lengths(audit: dict[str, Any], limits: Findings) -> list[Finding]:
    """Sources whose pairs can be told apart by length: a model that is trained on them learns length instead, as direct
    preference optimisation readily does (Park et al. 2024, Disentangling Length from Quality in DPO, section 3)."""
    found = []
    for source, pairs in audit.get("pairs", {}).get("by_source", {}).items():
        unequal = pairs["chosen_longer"] + pairs["chosen_shorter"]
        if unequal < limits.min_group_rows:
            continue
        more, word = max((pairs["chosen_longer"], "longer"), (pairs["chosen_shorter"], "shorter"))
        share = more / unequal
        if share > limits.max_length_share:
            words = (
                f"the chosen reply is the {word} one in {share:.1%} of {unequal:,} preference pairs "
                f"(mean {pairs['chosen_chars']:,.0f} against {pairs['rejected_chars']:,.0f} characters)"
            )
            found.append(Finding("warning", "length bias", source, share, limits.max_length_share, words, unequal))
    return found


def _examples(audit: dict[str, Any], of: str, name: str) -> list[str]:
    return list(audit.get("examples", {}).get(of, {}).get(name, []))
