"""parlance drift: a run's corpus against the champion's."""

from argparse import ArgumentParser, Namespace

from pipeline.contract.options import Runs, add_root, add_run, run_of
from pipeline.contract.progress import say


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = "Reads what the task audit read, at most `drift.sample` conversations of it. See docs/drift.md."
    add_root(parser)
    add_run(parser)
    return _drift


def _drift(options: Namespace) -> None:
    from pipeline.drift.drift import DRIFT, measure_drift, tell

    run = run_of(options)
    found = measure_drift(run)
    tell(found)
    say(f"drift: {run.folder / DRIFT}")
