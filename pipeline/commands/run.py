"""parlance run: the whole pipeline in this terminal."""

import json
from argparse import ArgumentParser, Namespace
from contextlib import nullcontext

from configs.errors import RESTART, RestartError, UserError
from pipeline.contract.execute import execute
from pipeline.contract.notice import taken
from pipeline.contract.options import Runs, add_answer, add_profile, add_root, profile_of
from pipeline.contract.process_group import run_attached
from pipeline.contract.progress import say
from pipeline.contract.run import Run
from pipeline.contract.shortage import killed, lacking
from pipeline.contract.stages import STAGES, TASKS, command_of, stages_of

DRIFT_AFTER = STAGES["annotate"].task


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        A stage whose artifact exists is found, not made again: after a failure or a changed setting
        the same command does only what is left to do."""
    add_root(parser)
    add_profile(parser)
    parser.add_argument(
        "--profile-steps", metavar="A-B", help="trace these steps of training with torch's profiler, as 10-12"
    )
    parser.add_argument("--until", choices=TASKS, default=TASKS[-1], help="last task to run", metavar="TASK")
    parser.add_argument("--run-id", help="name of the run (default: the time)")
    add_answer(parser)
    return _run


def _run(options: Namespace) -> None:
    from pipeline.planning.preflight import check
    from pipeline.planning.run_plan import plan_run

    traced = [f"launch.profile_steps={json.dumps(options.profile_steps)}"] if options.profile_steps else []
    profile = profile_of(options, *traced)
    check(profile)
    this = Run.begin(profile, options.run_id)
    say(f"run {this.id}: profile {options.profile}, folder {this.folder}")
    for line in plan_run(this).lines():
        say(line)
    answer = {"decision": options.decision, "by": options.by} if options.decision else {}
    failed = True
    try:
        for task in TASKS[: TASKS.index(options.until) + 1]:
            _in_process(this, task, answer if any(stage.asks for stage in stages_of(task)) else {})
            if task == DRIFT_AFTER:
                _drift(this)
        failed = False
    finally:
        _report(this, failed)


def _drift(this: Run) -> None:
    """Says how the corpus lies to the champion's, before it is decided upon."""
    from pipeline.drift.drift import measure_drift, tell

    tell(measure_drift(this))


def _report(this: Run, failed: bool) -> None:
    """Writes the report; of a run that has failed also this may fail, which is not to hide why."""
    from pipeline.report.report import write_report

    try:
        with lacking(this.folder, []):
            path = write_report(this)
    except UserError as error:
        if not failed:
            raise
        say(f"stopped; the report could not be written: {error}")
    else:
        say(f"{'stopped; ' if failed else ''}report: {path}")


def _in_process(this: Run, task: str, answer: dict[str, str]) -> None:
    """A found task here, any other in a process of its own, so that engines do not share memory."""
    if this.is_cached(task):
        execute(this, task)
        return
    command = command_of(task, this.folder)
    for name, value in answer.items():
        command += [f"--{name}", value]
    trains = any(stage.engine == "deepspeed" for stage in stages_of(task))
    with taken(this.folder) if trains else nullcontext():
        status = run_attached(command)
    if status == RESTART:
        raise RestartError(f"task {task} was told to stop, and has saved what it did")
    if status:
        lines = f"task {task} failed with status {status}; its last lines are above"
        raise UserError(killed(f"task {task}", status, stages_of(task)) or lines)
