"""parlance compare: runs side by side, as one page."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from configs.errors import UserError
from pipeline.contract.options import Runs, add_root, root_of
from pipeline.contract.progress import say
from pipeline.contract.run import Run


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        Settings that differ, scores with intervals on the same items, losses over each other, funnel, findings, and
        replies to the same prompts. The first run is what the others are compared with."""
    add_root(parser)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="id of a run, or latest; two to six")
    parser.add_argument("--out", type=Path, default=Path("comparison.html"), help="the page (default: comparison.html)")
    return _compare


def _compare(options: Namespace) -> None:
    from pipeline.report.comparison import comparison
    from pipeline.report.comparison_page import render_comparison
    from pipeline.report.report import is_current, write_report

    runs = list({run.folder: run for run in (Run.open(root_of(options), name) for name in options.runs)}.values())
    for run in runs:
        if not is_current(run):
            write_report(run)
    reports = [json.loads((run.folder / "report.json").read_text(encoding="utf-8")) for run in runs]
    found = comparison(runs, reports)
    for measure in found["measures"]:
        figures = ", ".join("–" if own is None else f"{own.value:.{measure['digits']}f}" for own in measure["own"])
        say(f"compare: {measure['name']}: {figures}")
    try:
        options.out.write_text(render_comparison(found), encoding="utf-8")
    except OSError as error:
        raise UserError(f"--out: {options.out} cannot be written ({error.strerror}); name another file") from error
    say(f"compare: {options.out.resolve()}")
