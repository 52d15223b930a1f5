"""parlance stage: one task of an existing run, in this process."""

from argparse import ArgumentParser, Namespace

from pipeline.contract.execute import execute
from pipeline.contract.options import Runs, add_answer, add_root, add_run, run_of
from pipeline.contract.stages import TASKS


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = f"The door that Airflow's operators use. Tasks: {', '.join(TASKS)}."
    add_root(parser)
    parser.add_argument("task", choices=TASKS, metavar="TASK")
    add_run(parser)
    add_answer(parser)
    parser.add_argument("--at", metavar="TIME", help="review: when it was answered, ISO 8601 (default: now)")
    parser.add_argument("--remove-topics", help="review: topics to remove, separated by commas")
    parser.add_argument("--remove-sources", help="review: sources to remove, separated by commas")
    return _stage


def _stage(options: Namespace) -> None:
    names = ("decision", "by", "at", "remove_topics", "remove_sources")
    execute(run_of(options), options.task, {n: getattr(options, n) for n in names if getattr(options, n)})
