"""What a reviewer's page asks for, whoever serves it: the page, the rows, keeping a mark, the results."""

import base64
import hashlib
import re
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from configs.errors import UserError
from pipeline.contract.run import Run
from pipeline.review.marks import Mark, append
from pipeline.review.results import results, standing_marks
from pipeline.review.sample import Sample, draw

PAGE = (Path(__file__).parent / "page.html").read_bytes()
"""The same for every run and reviewer: what is shown comes as JSON and becomes text, never markup."""

LONGEST_NOTE = 1000
LONGEST_MARK = 20_000
"""Bytes of a mark as it comes over HTTP."""


def _digest(tag: bytes) -> str:
    """The source expression by which a content policy lets the page's own element, and no other, run."""
    found = re.findall(b"<%b>(.*?)</%b>" % (tag, tag), PAGE, re.DOTALL)
    assert len(found) == 1
    return f"'sha256-{base64.b64encode(hashlib.sha256(found[0]).digest()).decode()}'"


CONTENT_POLICY = (
    f"default-src 'none'; script-src {_digest(b'script')}; style-src {_digest(b'style')}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Desk:
    """A run, and one who looks at its rows.

    by: what the reviewer is called. refusal: why he may look, but not mark; empty for who may.
    """

    def __init__(self, run: Run, by: str, refusal: str = "") -> None:
        self.run, self.by, self.refusal = run, by, refusal

    def rows(self) -> dict[str, Any]:
        """The sample and the reviewer's own marks. Not those of others, which would sway him."""
        sample = sample_of(self.run)
        own = [
            {"stratum": mark.stratum, "row": mark.row, "right": mark.right, "note": mark.note}
            for mark in standing_marks(self.run)
            if mark.by == self.by
        ]
        return {"run": self.run.id, "by": self.by, "refusal": self.refusal, "marks": own, **asdict(sample)}

    def mark(self, said: Any) -> Mark:
        """Keeps a mark. said: {stratum, row, right (true, false, or null to take it back), note}.

        Raises UserError when the reviewer may not mark, or the row is not in the sample.
        """
        if self.refusal:
            raise UserError(self.refusal)
        if not isinstance(said, dict) or not {"stratum", "row", "right"} <= said.keys():
            raise UserError("a mark is {stratum, row, right, note}")
        right, note = said["right"], said.get("note") or ""
        if right not in (True, False, None) or (isinstance(right, int | float) and not isinstance(right, bool)):
            raise UserError("a mark is right: true or false, or null to take it back")
        if not isinstance(note, str) or len(note) > LONGEST_NOTE:
            raise UserError(f"a note is text of at most {LONGEST_NOTE:,} characters")
        sample = sample_of(self.run)
        item = next((i for i in sample.items if (i.stratum, i.row) == (said["stratum"], said["row"])), None)
        if item is None:
            raise UserError("this row is not in the sample of this run; load the page again")
        stratum = next(s for s in sample.strata if s.id == item.stratum)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        mark = Mark(
            item.row, stratum.id, stratum.stage, stratum.artifact, self.by, now, right, note.strip(), item.example
        )
        append(self.run.root, mark)
        return mark

    def results(self) -> dict[str, Any]:
        """Of all reviewers together; empty without marks."""
        return results(self.run) or {}


drawing = threading.Lock()


def sample_of(run: Run) -> Sample:
    """The sample of a run; drawn once as long as its audit and its settings are the same."""
    sizes = run.profile.review.sample
    with drawing:
        return _drawn(run.folder, run.artifact("audit").path, run.profile.seed, sizes.model_dump_json())


@lru_cache(maxsize=4)
def _drawn(folder: Path, audit: Path, seed: int, sizes: str) -> Sample:  # noqa: ARG001, what decides the sample
    return draw(Run(folder))
