"""parlance review: a page on this machine with rows to judge, and what the marks say."""

import json
from argparse import ArgumentParser, Namespace

from configs.errors import UserError
from pipeline.contract.options import Runs, add_root, add_run, run_of


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        parlance review --by ada                  serves the page, and prints its address
        parlance review --results                 agreement of reviewers, precision of rules and findings
        parlance stage review --decision approve --by ada       decides, by what the marks say"""
    add_root(parser)
    add_run(parser)
    parser.add_argument("--by", help="who marks; where the profile names approvers, one of them")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any that is free)")
    parser.add_argument("--results", action="store_true", help="print what the marks say, and serve nothing")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    return _review


def _review(options: Namespace) -> None:
    from pipeline.review.desk import Desk, sample_of
    from pipeline.review.marks import refusal
    from pipeline.review.results import lines, results
    from pipeline.review.server import ReviewServer

    this = run_of(options)
    if options.json:
        print(json.dumps(results(this), indent=1, ensure_ascii=False))
        return
    if options.results:
        print("\n".join(lines(results(this))))
        return
    by = (options.by or "").strip()
    if reason := refusal(by, this.profile.approval):
        raise UserError(f"review: {reason}; give it with --by NAME")
    rows = len(sample_of(this).items)
    with ReviewServer(Desk(this, by), options.port) as server:
        print(f"run {this.id}: {rows:,} rows to look at, for {by}; open {server.address}", flush=True)
        print("Ctrl-C ends; marks are kept as they are made", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\n".join(["", *lines(results(this))]))
