"""What a run's outputs say about the stages' versions, held against the outputs that were recorded.

Same fingerprint, same output: an artifact that was made before is found instead of made again, so code that changes
what comes out must change the fingerprint too, which the stage's version is for. What another fingerprint leaves is
compared with nothing, since no artifact made before can be found under it.
"""

from pipeline.contract.stages import STAGES
from tests.golden.output import Output

RECORD = "python -m tests.golden.record"


def unversioned(recorded: dict[str, Output], found: dict[str, Output]) -> list[str]:
    """One line for each stage that leaves something new under a fingerprint that was recorded.

    Only the first of those that follow from one another is to blame: what its readers make of a changed input may
    well be new, and they get a new fingerprint with its new version.
    """
    changed = {
        name: parts
        for name, output in found.items()
        if name in recorded
        and output.fingerprint == recorded[name].fingerprint
        and (parts := output.differs_in(recorded[name]))
    }
    return [_told(name, changed) for name in found if name in changed]


def outdated(recorded: dict[str, Output], found: dict[str, Output]) -> list[str]:
    """Stages that are not recorded under their fingerprint, and recorded ones that no longer exist."""
    new = [
        name
        for name, output in found.items()
        if name not in recorded or output.fingerprint != recorded[name].fingerprint
    ]
    return new + sorted(recorded.keys() - found.keys())


def _told(name: str, changed: dict[str, list[str]]) -> str:
    what = f"stage {name}: its output changed ({', '.join(changed[name])})"
    cause = _first_changed(name, changed)
    if cause != name:
        return f"{what}, which follows from {cause}"
    return (
        f"{what} but its version did not; raise version of {name} in pipeline/contract/stages.py, then run `{RECORD}`"
    )


def _first_changed(name: str, changed: dict[str, list[str]]) -> str:
    """The earliest changed stage that the stage's input comes from, or the stage itself."""
    before = [_first_changed(other, changed) for other in STAGES[name].inputs]
    earliest = [other for other in STAGES if other in before and other in changed]
    return earliest[0] if earliest else name
