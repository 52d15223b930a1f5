"""Warns of a stage that takes longer than planned, and lets it go on."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pipeline.contract.formatting import duration
from pipeline.contract.run import Run
from pipeline.contract.stages import stages_of
from pipeline.planning.run_plan import read_plan
from plugins.notify import tell


def deadline_seconds(run: Run, task: str) -> tuple[float, float] | None:
    """(planned, late after) of a task, in seconds; None where the run has no plan for it."""
    plan = read_plan(run).plan
    names = {stage.name for stage in stages_of(task)}
    planned = sum(stage["seconds"] for stage in (plan or {}).get("stages", []) if stage["stage"] in names)
    notify = run.profile.notify
    return (planned, max(notify.late_factor * planned, 60 * notify.late_minutes)) if planned else None


@contextmanager
def deadline(run: Run, task: str, context: Mapping[str, Any], say: Callable[[str], object]) -> Iterator[None]:
    """In which the task works. When its time is over, `say` is told once and whoever is told of `late`, in a thread of
    its own; the body is left alone."""
    times = deadline_seconds(run, task)
    if times is None:
        yield
        return
    planned, late = times

    def warn() -> None:
        line = f"{task} has taken {duration(late)}, and was planned to take {duration(planned)}; it goes on"
        say(f"warning: {line}")
        tell(run.profile.notify, context, "late", f"{task} is late in run {run.id}", [line])

    timer = threading.Timer(late, warn)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
