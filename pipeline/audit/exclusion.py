"""Groups that are left out: mentioned more seldom than in a reference that the profile states.

How often one group is mentioned says nothing by itself, nor beside another: there are more women than transgender
people. A reference is the shares of a population (findings.reference) or the mentions of another corpus
(findings.reference_audit). Of each attribute the shares are taken among the mentions of the groups that the reference
names, by conversation, and a group's share over its reference is a ratio with Wilson's interval (1927); below four
fifths, the rule of the Uniform Guidelines on Employee Selection Procedures (1978, section 4D), it is told.
"""

import json
from math import erfc, sqrt
from pathlib import Path
from typing import Any

from configs.audit import Findings
from configs.errors import UserError
from configs.profile import Profile
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.raw_inputs import file_hashes
from pipeline.contract.wilson import wilson
from pipeline.people.mentions import ATTRIBUTES

TOLD, WARNED, CRITICAL = 0.8, 0.5, 0.2
"""Ratios below which a group's share is told; surely below which it is a warning, and critical."""


def references(limits: Findings) -> dict[str, dict[str, float]]:
    """Attribute to {group: share}. Raises UserError when a reference cannot be read or names what is not known."""
    found = _of_audit(limits.reference_audit) if limits.reference_audit else {}
    for attribute, shares in limits.reference.items():
        if attribute not in ATTRIBUTES:
            raise UserError(f"findings.reference: {attribute!r} is no attribute; there are {', '.join(ATTRIBUTES)}")
        unknown = sorted(set(shares) - set(ATTRIBUTES[attribute]))
        if unknown:
            known = ", ".join(ATTRIBUTES[attribute])
            raise UserError(f"findings.reference.{attribute}: {unknown[0]!r} is no group; there are {known}")
        found[attribute] = shares
    return found


def check(profile: Profile) -> None:
    """Raises UserError when the reference cannot be used."""
    references(profile.findings)


def raw_inputs(profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """The other corpus's audit.json."""
    path = profile.findings.reference_audit
    if not path:
        return {}
    (digest,) = file_hashes("findings.reference_audit", [("audit.json", Path(path))], hashes)
    return {"findings.reference_audit": digest}


def shortfalls(mentions: dict[str, dict[str, int]], reference: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """Of each group of the reference: {attribute, group, rows, total, share, expected, ratio, low, high, p}."""
    found = []
    for attribute, shares in reference.items():
        rows = {group: mentions[attribute][group] for group in shares}
        total = sum(rows.values())
        for group, given in shares.items():
            if not total:
                continue
            expected = given / sum(shares.values())
            share = rows[group] / total
            low, high = wilson(share, total)
            z = (share - expected) / sqrt(max(expected * (1 - expected), 1e-12) / total)
            found.append(
                {
                    "attribute": attribute,
                    "group": group,
                    "rows": rows[group],
                    "total": total,
                    "share": round(share, 4),
                    "expected": round(expected, 4),
                    **{k: round(v / expected, 4) for k, v in (("ratio", share), ("low", low), ("high", high))},
                    "p": erfc(abs(z) / sqrt(2)),
                }
            )
    return found


def severity(ratio: float, high: float, q: float, limits: Findings) -> str | None:
    if q > limits.false_discovery_rate or ratio >= TOLD:
        return None
    return "critical" if high < CRITICAL else "warning" if high < WARNED else "info"


def _of_audit(path: str) -> dict[str, dict[str, float]]:
    try:
        mentions = json.loads(Path(path).read_text(encoding="utf-8"))["mentions"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"findings.reference_audit: {path} is no audit.json of a run ({error})") from None
    found = {}
    for attribute, groups in mentions.items():
        known = {g: rows for g, rows in groups.items() if rows and g in ATTRIBUTES.get(attribute, ())}
        if known:
            found[attribute] = {group: rows / sum(known.values()) for group, rows in known.items()}
    return found
