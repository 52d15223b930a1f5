"""What reviewers said of rows, right or wrong: kept under the root, append-only, one line a mark.

`<root>/reviews/marks.journal`. A mark names the artifact that it is about, so it counts in every run that has this very
artifact, and in no other; a later mark of the same reviewer on the same row replaces an earlier one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from configs.review import Approval
from pipeline.contract.decisions import REVIEWS
from pipeline.contract.journal import Journal
from pipeline.contract.shared_files import append_shared


@dataclass(frozen=True)
class Mark:
    """stratum: why the row was shown (pipeline.review.sample). stage, artifact: whose work is judged, and its
    fingerprint. right: None takes an earlier mark back. example: the audit chose the row, it was not drawn. at: ISO
    8601.
    """

    row: str
    stratum: str
    stage: str
    artifact: str
    by: str
    at: str
    right: bool | None
    note: str = ""
    example: bool = False


def journal(root: Path) -> Journal:
    """Where the marks lie."""
    return Journal(root / REVIEWS / "marks.journal")


def append(root: Path, mark: Mark) -> None:
    """Keeps a mark: on disk when this returns, whoever else is marking."""
    append_shared(journal(root), asdict(mark))


def refusal(by: str, approval: Approval) -> str:
    """Why someone's marks would not count; empty for whom the profile names, and where it names nobody."""
    if not by:
        return "a mark needs the name of who makes it"
    if approval.approvers and by not in approval.approvers:
        return f"{by} is not among approval.approvers, who are: {', '.join(approval.approvers)}; rows can be read only"
    return ""


def standing(marks: Iterable[Mark], artifacts: Mapping[str, str], approval: Approval) -> list[Mark]:
    """The marks that count: about these artifacts (stage to fingerprint), by whom the profile names, each reviewer's
    last one on a row of a stratum; in the order of stratum, row and reviewer."""
    last: dict[tuple[str, str, str], Mark] = {}
    for mark in marks:
        if not refusal(mark.by, approval) and artifacts.get(mark.stage) == mark.artifact:
            last[mark.stratum, mark.row, mark.by] = mark
    return [last[key] for key in sorted(last) if last[key].right is not None]


def read(root: Path) -> list[Mark]:
    """All marks, in the order in which they were made."""
    return [Mark(**value) for value in journal(root).read()]
