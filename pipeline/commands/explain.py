"""parlance explain: one row's story, or examples of what a rule dropped."""

import json
from argparse import ArgumentParser, Namespace

from configs.errors import UserError
from pipeline.contract.options import Runs, add_root, add_run, run_of


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        parlance explain 3f9a0c                   from file and line to the sequence it trained in
        parlance explain --rule too_short --examples 3
        parlance explain --spike 1200             the rows of a batch whose loss was a spike"""
    add_root(parser)
    add_run(parser)
    parser.add_argument("row", nargs="?", metavar="ROW", help="row id, or the beginning of one")
    parser.add_argument("--rule", help="a rule's name, as in the report")
    parser.add_argument("--spike", type=int, metavar="STEP", help="a step of training whose loss the log calls a spike")
    parser.add_argument(
        "--examples", type=int, default=3, metavar="N", help="rows shown for --rule or --spike (default: 3)"
    )
    return _explain


def _explain(options: Namespace) -> None:
    from pipeline.report.explain import examples, explain, spike

    this = run_of(options)
    if options.rule:
        for row in examples(this, options.rule, options.examples):
            print(json.dumps(row, ensure_ascii=False))
    elif options.spike is not None:
        print("\n".join(spike(this, options.spike, options.examples)))
    elif options.row:
        print("\n".join(explain(this, options.row)))
    else:
        raise UserError("explain needs a ROW, --rule RULE for examples of what a rule dropped, or --spike STEP")
