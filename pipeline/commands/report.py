"""parlance report: the report of a run, built anew."""

import json
from argparse import ArgumentParser, Namespace

from pipeline.contract.leg_table import table
from pipeline.contract.options import Runs, add_root, add_run, run_of
from pipeline.contract.progress import say


def command(parser: ArgumentParser) -> Runs:
    add_root(parser)
    add_run(parser)
    return _report


def _report(options: Namespace) -> None:
    from pipeline.report.report import write_report

    page = write_report(run_of(options))
    for line in table(json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["legs"]):
        say(f"report: {line}")
    say(f"report: {page}")
