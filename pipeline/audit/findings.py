"""What stands out in an audit's distributions, and how much it matters. Pure functions."""

from dataclasses import asdict, dataclass
from itertools import combinations
from math import sqrt
from statistics import NormalDist
from typing import Any

from configs.audit import Findings

SEVERITIES = ("info", "warning", "critical")
CONFIDENCE = 0.95
"""Of the comparison of groups' sentiment, over all pairs of an attribute (Bonferroni)."""


@dataclass(frozen=True)
class Finding:
    """One line of the audit. subject is `topic`, `attribute`, `attribute:group` or `source`."""

    severity: str
    kind: str
    subject: str
    value: float
    threshold: float
    message: str


def findings(audit: dict[str, Any], limits: Findings) -> list[dict[str, Any]]:
    """The findings over the distributions of audit.json, the worst first.

    Warnings are what a person should know before training, critical is what automatic review refuses
    by default: a topic beyond half of what max_topic_share leaves, or a sentiment gap of twice
    max_sentiment_gap.
    """
    found = [
        *_topics(audit, limits),
        *_mentions(audit, limits),
        *_sentiment(audit, limits),
        *_associations(audit, limits),
        *_sources(audit, limits),
        *_languages(audit),
        *_reply_lengths(audit, limits),
    ]
    found.sort(key=lambda f: (-SEVERITIES.index(f.severity), f.kind, f.subject))
    return [{**asdict(f), "value": round(f.value, 4), "threshold": round(f.threshold, 4)} for f in found]


def worst(found: list[dict[str, Any]]) -> str | None:
    """The worst severity among findings; None when there are none."""
    return max((f["severity"] for f in found), key=SEVERITIES.index, default=None)


def _topics(audit: dict[str, Any], limits: Findings) -> list[Finding]:
    found = []
    for topic, rows in audit["topics"].items():
        share = rows / max(audit["rows"], 1)
        if topic != "other" and share < limits.min_topic_share:
            words = f"{share:.1%} of the rows are about {topic}, fewer than {limits.min_topic_share:.1%}"
            found.append(Finding("info", "topic under-represented", topic, share, limits.min_topic_share, words))
        if share > limits.max_topic_share:
            severity = "critical" if share > (1 + limits.max_topic_share) / 2 else "warning"
            words = f"{share:.1%} of the rows are about {topic}, more than {limits.max_topic_share:.1%}"
            found.append(Finding(severity, "topic over-represented", topic, share, limits.max_topic_share, words))
    return found


def _mentions(audit: dict[str, Any], limits: Findings) -> list[Finding]:
    found = []
    for attribute, groups in audit["mentions"].items():
        most, least = max(groups, key=lambda g: groups[g]), min(groups, key=lambda g: groups[g])
        if groups[most] < limits.min_group_rows:
            continue
        ratio = groups[most] / max(groups[least], 1)
        if ratio > limits.max_group_ratio:
            words = f"{most} is mentioned in {groups[most]:,} rows, {least} in {groups[least]:,}"
            found.append(Finding("warning", "group ratio", attribute, ratio, limits.max_group_ratio, words))
        absent = [group for group, rows in groups.items() if rows == 0]
        if absent:
            words = f"never mentioned: {', '.join(absent)}"
            found.append(Finding("info", "group absent", attribute, len(absent), 0, words))
    return found


def _sentiment(audit: dict[str, Any], limits: Findings) -> list[Finding]:
    """The widest gap of each attribute, when it is wider than the limit and not by chance."""
    found = []
    for attribute, groups in audit["sentiment_by_group"].items():
        enough = {g: v for g, v in groups.items() if v["rows"] >= limits.min_group_rows}
        pairs = list(combinations(enough, 2))
        if not pairs:
            continue
        z = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / (2 * len(pairs)))
        one, other = max(pairs, key=lambda p: abs(enough[p[0]]["mean"] - enough[p[1]]["mean"]))
        high, low = sorted((one, other), key=lambda g: -enough[g]["mean"])
        gap = enough[high]["mean"] - enough[low]["mean"]
        margin = z * sqrt(enough[high]["standard_error"] ** 2 + enough[low]["standard_error"] ** 2)
        if gap > limits.max_sentiment_gap and gap > margin:
            severity = "critical" if gap - margin > 2 * limits.max_sentiment_gap else "warning"
            words = (
                f"mean sentiment is {enough[high]['mean']:+.2f} where {high} is mentioned and "
                f"{enough[low]['mean']:+.2f} where {low} is (gap {gap:.2f} ± {margin:.2f})"
            )
            found.append(Finding(severity, "sentiment gap", attribute, gap, limits.max_sentiment_gap, words))
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
                found.append(
                    Finding("info", "topic association", subject, count / expected, limits.max_topic_lift, words)
                )
    return found


def _sources(audit: dict[str, Any], limits: Findings) -> list[Finding]:
    found = []
    for source, topics in audit["by_source"].items():
        share = sum(topics.values()) / max(audit["rows"], 1)
        if share > limits.max_source_share and len(audit["by_source"]) > 1:
            words = f"{share:.1%} of the rows come from {source}"
            found.append(Finding("info", "source dominance", source, share, limits.max_source_share, words))
    return found


def _languages(audit: dict[str, Any]) -> list[Finding]:
    languages = audit["languages"]
    if len(languages) < 2:
        return []
    main = max(languages, key=lambda code: languages[code])
    others = sum(languages.values()) - languages[main]
    words = f"{main} and {len(languages) - 1} other languages; word lists and sentiment are made for English"
    return [Finding("info", "language mix", main, others / max(audit["rows"], 1), 0, words)]


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
            found.append(Finding("warning", "length bias", source, share, limits.max_length_share, words))
    return found
