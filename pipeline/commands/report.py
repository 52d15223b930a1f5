"""parlance report: the report of a run, built anew."""

from argparse import ArgumentParser, Namespace

from pipeline.contract.leg_table import table
from pipeline.contract.options import Runs, add_root, add_run, run_of
from pipeline.contract.progress import say


def command(parser: ArgumentParser) -> Runs:
    add_root(parser)
    add_run(parser)
    return _report


def _report(options: Namespace) -> None:
    from pipeline.report.report import build_report, write_report

    run = run_of(options)
    for line in table(build_report(run)["legs"]):
        say(f"report: {line}")
    say(f"report: {write_report(run)}")
