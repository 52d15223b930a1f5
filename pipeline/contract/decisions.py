"""What people decided about the inputs of a stage: kept under the root, and part of the fingerprint of what follows.

`<root>/reviews/<question>.journal`, one line a decision, the newest last; nothing is ever removed. The question is the
fingerprint that the stage has while nobody has answered (`Run.question`), so all runs over the same data, with the same
settings and rules of approval, find the same answers. Equal answers are one decision whenever they are given: `at`, the
time, stays out of the digest.
"""

import hashlib
from pathlib import Path
from typing import Any

from pipeline.contract.fingerprint import canonical_json
from pipeline.contract.journal import Journal
from pipeline.contract.shared_files import append_shared

DECISION = "decision"
"""The label of a decision's digest among the inputs of a stage."""

REVIEWS = "reviews"
"""The folder under the root."""


class Decisions:
    """The decisions about one question. Each is a JSON object with decision (approve or reject), by, at, and more."""

    def __init__(self, root: Path, question: str) -> None:
        self.journal = Journal(root / REVIEWS / f"{question}.journal")

    def add(self, decision: dict[str, Any]) -> None:
        """Appends a decision, unless the newest is equal: its time stays the one at which it was first taken."""
        append_shared(self.journal, decision, lambda known: bool(known) and digest(known[-1]) == digest(decision))

    def latest(self) -> dict[str, Any] | None:
        """The newest decision."""
        return next(reversed(self.journal.read()), None)

    def find(self, wanted: str) -> dict[str, Any] | None:
        """The first decision with a digest; None where its line is damaged or gone."""
        return next((d for d in self.journal.read() if digest(d) == wanted), None)


def digest(decision: dict[str, Any]) -> str:
    """What tells decisions apart: all but their times."""
    return hashlib.sha256(canonical_json({k: v for k, v in decision.items() if k != "at"}).encode()).hexdigest()
