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

    Only a stage whose inputs are as they were is to blame: what is made of a changed input may well be new, and gets
    a new fingerprint with the version of the stage that changed it.
    """
    changed = {
        name: parts
        for name, output in found.items()
        if name in recorded
        and output.fingerprint == recorded[name].fingerprint
        and (parts := output.differs_in(recorded[name]))
    }
    return [_told(found[name], name, changed) for name in found if name in changed]


def outdated(recorded: dict[str, Output], found: dict[str, Output]) -> list[str]:
    """Stages that are not recorded under their fingerprint, and recorded ones that no longer exist."""
    new = [
        name
        for name, output in found.items()
        if name not in recorded or output.fingerprint != recorded[name].fingerprint
    ]
    return new + sorted(recorded.keys() - found.keys())


def _told(output: Output, name: str, changed: dict[str, list[str]]) -> str:
    what = f"stage {name}: its output changed ({', '.join(changed[name])})"
    cause = _cause(name, changed)
    if cause != name:
        return f"{what}, which follows from {cause}"
    remedy = f"raise version of {name} in pipeline/contract/stages.py, then run `{RECORD}`"
    return f"{what} but its version is still {output.version}; {remedy}"


def _cause(name: str, changed: dict[str, list[str]]) -> str:
    """The changed stage with unchanged inputs that a changed stage's inputs come from; itself when they are its own."""
    inputs = [other for other in STAGES[name].inputs if other in changed]
    return _cause(inputs[0], changed) if inputs else name
