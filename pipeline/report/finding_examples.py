"""The rows that a finding of the audit shows: by the sentence that it means, or by how they begin."""

from typing import Any

from configs.audit import Audit
from configs.errors import UserError
from pipeline.audit.statements import PRONOUN, SPEAKERS, mentioning, spoken
from pipeline.contract.artifact import Artifact
from pipeline.people.lists import of_profile
from pipeline.people.mentions import Lexicons
from pipeline.report.dropped_examples import clipped, messages_of, shortened

Turns = list[dict[str, str]]


def examples_of(findings: list[dict[str, Any]], corpus: Artifact | None, settings: Audit) -> list[list[dict[str, Any]]]:
    """Of each finding its examples: {row_id, messages}. corpus: deduplicate's. Without it, or where it is too large to
    look rows up in, there are none."""
    rows = sorted({row for finding in findings for row in finding.get("examples") or []})
    found = messages_of(corpus, rows, "language")
    lexicons = _lexicons(settings)
    said: dict[str, list[Turns]] = {}
    for row in {row for finding in findings if finding.get("sentences") for row in finding["examples"]} & found.keys():
        said[row] = _sentences(found[row]["messages"], lexicons, found[row]["language"])
    return [
        [
            {"row_id": row, "messages": said[row][at] if at is not None else shortened(found[row]["messages"])}
            for row, at in _meant(finding, said)
            if row in found
        ]
        for finding in findings
    ]


def _meant(finding: dict[str, Any], said: dict[str, list[Turns]]) -> list[tuple[str, int | None]]:
    """Each example, and the number of the sentence that is meant, if there is one."""
    rows = finding.get("examples") or []
    sentences = finding.get("sentences") or [None] * len(rows)
    return [
        (row, at if at is not None and at < len(said.get(row, ())) else None)
        for row, at in zip(rows, sentences, strict=True)
    ]


def _sentences(messages: Turns, lexicons: Lexicons, language: str | None) -> list[Turns]:
    """What the conversation says of groups, as the audit numbers it; with the sentence before where a pronoun opens."""
    turns = [(m["role"], m["content"]) for m in messages if m["role"] in SPEAKERS]
    return [
        [
            {
                "role": m.role,
                "content": clipped(f"{m.before[0]} {m.sentence}" if PRONOUN.match(m.sentence) else m.sentence),
            }
        ]
        for m in mentioning(spoken(turns), lexicons, language)
    ]


def _lexicons(settings: Audit) -> Lexicons:
    try:
        return Lexicons(of_profile(settings))
    except UserError:  # the profile's own list has gone since
        return Lexicons()
