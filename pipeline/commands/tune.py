"""parlance tune: thresholds that the reviewers' marks speak for, as a patch of the profile."""

from argparse import ArgumentParser, Namespace

from configs.errors import UserError
from pipeline.contract.options import Runs, add_root, add_run, run_of


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        parlance tune --target 0.95               prints YAML, and changes nothing

        Every comment says how many marked rows a proposal rests on. Rows are marked with `parlance review`."""
    add_root(parser)
    add_run(parser)
    parser.add_argument(
        "--target", type=float, default=0.9, metavar="SHARE", help="of dropped rows, dropped rightly (default: 0.9)"
    )
    parser.add_argument(
        "--least", type=int, default=20, metavar="ROWS", help="marked rows that a proposal needs (default: 20)"
    )
    return _tune


def _tune(options: Namespace) -> None:
    from pipeline.review.tune import patch, tune

    if not 0 < options.target <= 1:
        raise UserError(f"tune: --target {options.target} is no share; give one above 0, at most 1")
    if options.least < 1:
        raise UserError(f"tune: --least {options.least} is too few; give at least 1")
    this = run_of(options)
    found = tune(this, options.target, options.least)
    if not found:
        raise UserError(
            f"tune: no mark in run {this.id} is about a rule with a threshold; `parlance review --by NAME` shows rows"
        )
    print(patch(found), end="")
