"""A run's corpus against the one that the champion was made of.

What is found lies in the run's folder and is no artifact: which model is in use must not decide what an artifact is.
"""

from contextlib import suppress
from typing import Any

from pipeline.contract.artifact import Artifact, ArtifactStore
from pipeline.contract.champion import champion_artifact
from pipeline.contract.progress import say
from pipeline.contract.run import Run
from pipeline.contract.sealed_json import DamagedError, read_sealed, write_sealed

DRIFT = "drift.json"
"""In the run's folder: {of, version, measures (comparison.compare), findings}, or {of, version, why} where nothing was
compared. of: what was, by fingerprint."""

NONE_YET = "there is no champion whose corpus could be compared"
OWN = "the champion was made from this very corpus"


def measure_drift(run: Run) -> dict[str, Any]:
    """Compares, unless that has been done, and leaves DRIFT."""
    from pipeline.drift.comparison import compare, findings
    from pipeline.drift.corpus import READ, of_artifacts

    ours = {name: run.artifact(name) for name in READ}
    version, theirs, why = champions(run.store, run.profile.promote.model_name, READ)
    own = bool(theirs) and theirs["deduplicate"].path == ours["deduplicate"].path
    settings = run.profile.drift
    of = {
        "now": {name: artifact.path.name for name, artifact in ours.items()},
        "then": {name: artifact.path.name for name, artifact in theirs.items()},
        "settings": settings.model_dump(mode="json"),
    }
    if (known := read_drift(run)) and known["of"] == of:
        return known
    found: dict[str, Any] = {"of": of, "version": version}
    if why or own:
        found["why"] = why or OWN
    else:
        now, then = (of_artifacts(side.__getitem__, settings.sample) for side in (ours, theirs))
        found["measures"] = compare(now, then, settings, run.profile.seed)
        found["findings"] = findings(found["measures"])
    write_sealed(run.folder / DRIFT, found)
    return found


def champions(store: ArtifactStore, model: str, stages: tuple[str, ...]) -> tuple[int | None, dict[str, Artifact], str]:
    """The champion's version and the artifacts of stages that it was made from; or none, and why."""
    found = {name: champion_artifact(store, model, name) for name in stages}
    present = {name: pair for name, pair in found.items() if pair}
    if not present:
        return None, {}, NONE_YET
    version = next(iter(present.values()))[0]
    if gone := [name for name in stages if name not in present]:
        return version, {}, f"what the champion was made from is gone: {', '.join(gone)}"
    return version, {name: pair[1] for name, pair in present.items()}, ""


def read_drift(run: Run) -> dict[str, Any] | None:
    """What was found in a run; None before it was looked for."""
    with suppress(FileNotFoundError, DamagedError):
        return read_sealed(run.folder / DRIFT, "`parlance drift` writes it anew")
    return None


def tell(found: dict[str, Any]) -> None:
    """Says what was found, a line each."""
    if why := found.get("why"):
        say(f"drift: not measured: {why}")
        return
    for finding in found["findings"]:
        say(f"drift: {finding['severity']}: {finding['subject']}: {finding['message']}")
    if not found["findings"]:
        measures = len(found["measures"])
        say(f"drift: none of {measures} measures has moved from the champion's corpus, version {found['version']}")
