"""The rules that compare one score with one number of the profile, and which scores lie on which side of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from configs.profile import Profile
from pipeline.clean.rules.rules import RULES

COLUMNS = {"offence": "offensive"}
"""Evidence that tells more than the score that decides, to the column of that score."""


@dataclass(frozen=True)
class Threshold:
    """key: of the profile, with its value. upper: whether what lies above is dropped, else what lies below.

    column: of the rows, the score. strict: whether a score equal to the value stays.
    """

    stage: str
    rule: str
    key: str
    value: float
    column: str
    upper: bool = True
    strict: bool = True

    @property
    def stratum(self) -> str:
        """The dropped rows, as marks name them."""
        return f"rule/{self.stage}/{self.rule}"

    @property
    def near(self) -> str:
        """The kept rows that come near, as marks name them."""
        return f"near/{self.stage}/{self.rule}"

    def band(self) -> tuple[float, float]:
        """Scores of kept rows that come near: from half the upper limit to it, from the lower limit to twice it."""
        return (self.value / 2, self.value) if self.upper else (self.value, 2 * self.value)

    def of(self, evidence: Mapping[str, Any]) -> float | None:
        """The score that decided, from a dropped row's evidence; None where it tells none (an offence below 0.25)."""
        found = evidence.get(self.column, evidence.get("offence"))
        score = found["score"] if isinstance(found, Mapping) else found
        return None if score is None else float(score)


def thresholds(profile: Profile) -> list[Threshold]:
    """All of a profile, in the order of the rules."""
    found = []
    for rule in RULES:
        side, value = rule.setting[:4], getattr(profile.clean.rules, rule.setting, None)
        if side in ("max_", "min_") and isinstance(value, int | float):
            column = COLUMNS.get(rule.evidence[0], rule.evidence[0])
            found.append(Threshold("clean", rule.name, f"clean.rules.{rule.setting}", value, column, side == "max_"))
    jaccard = profile.deduplicate.jaccard
    found.append(Threshold("deduplicate", "near_duplicate", "deduplicate.jaccard", jaccard, "jaccard", strict=False))
    return found
