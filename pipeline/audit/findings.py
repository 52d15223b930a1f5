"""What stands out in an audit's numbers, and how much it matters. Pure functions of audit.json."""

from dataclasses import asdict, replace
from typing import Any

from configs.audit import Findings
from pipeline.audit.finding import REMEDIES, Finding
from pipeline.audit.group_findings import of_groups
from pipeline.audit.severity import SEVERITIES


def findings(audit: dict[str, Any], limits: Findings) -> list[dict[str, Any]]:
    """The findings over the numbers of audit.json, the worst first.

    Warnings are what a person should know before training, critical is what automatic review refuses by default: a
    topic beyond half of what max_topic_share leaves, or an effect to a group's disadvantage that surely is large
    (pipeline.audit.severity).
    """
    found = [
        *_topics(audit, limits),
        *of_groups(audit, limits),
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
