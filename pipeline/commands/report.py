"""parlance report: the report of a run, built anew."""

from argparse import ArgumentParser, Namespace

from pipeline.contract.options import Runs, add_root, add_run, run_of
from pipeline.contract.progress import say


def command(parser: ArgumentParser) -> Runs:
    add_root(parser)
    add_run(parser)
    return _report


def _report(options: Namespace) -> None:
    from pipeline.report.report import write_report

    say(f"report: {write_report(run_of(options))}")
