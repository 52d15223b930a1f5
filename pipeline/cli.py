"""The command line, as a table: each command's name, its line in the help, and the function that declares it."""

import argparse
import os
import pkgutil
import sys
import textwrap
import traceback
from pathlib import Path
from typing import Any, NamedTuple

from rich_argparse import RawDescriptionRichHelpFormatter

from configs.credentials import masked
from configs.errors import RESTART, USER_ERROR, EndedError, RestartError, UserError
from pipeline.contract.shortage import shortage


class Row(NamedTuple):
    """entry: module:function; takes the command's parser, declares arguments and epilog, returns what runs them."""

    name: str
    does: str
    entry: str


COMMANDS = (
    Row("run", "run the pipeline without Airflow, the same stages", "pipeline.commands.run:command"),
    Row("plan", "say what a run will take, before it starts", "pipeline.commands.plan:command"),
    Row("stage", "run one task of an existing run", "pipeline.commands.stage:command"),
    Row("review", "look at rows, mark them right or wrong, and see what that says", "pipeline.commands.review:command"),
    Row("tune", "propose thresholds that the marks on rows speak for", "pipeline.commands.tune:command"),
    Row("cluster", "write what Slurm or Kubernetes starts a run with", "pipeline.commands.cluster:command"),
    Row("verify", "check every artifact against its manifest", "pipeline.commands.verify:command"),
    Row("explain", "tell one row's story, or show what a rule dropped", "pipeline.commands.explain:command"),
    Row("search", "find conversations by meaning", "pipeline.commands.search:command"),
    Row("index", "say where a run's vectors lie, or roll back to them", "pipeline.commands.index:command"),
    Row("chat", "talk to the champion", "eval.commands.chat:command"),
    Row("serve", "serve the champion over HTTP, as OpenAI's API", "serving.commands.serve:command"),
    Row("keys", "make, list and revoke API keys of the server", "serving.commands.keys:command"),
    Row(
        "export",
        "write a model for llama.cpp or vLLM, or what is kept of a user",
        "serving.commands.export:command",
    ),
    Row("erase", "remove a person from all that is kept, with a signed certificate", "serving.commands.erase:command"),
    Row("drift", "hold a run's corpus against the champion's", "pipeline.commands.drift:command"),
    Row("watch", "say whether new data or feedback are reason to train anew", "serving.commands.watch:command"),
    Row("report", "write a run's report.json and report.html anew", "pipeline.commands.report:command"),
    Row("compare", "write runs side by side as one page", "pipeline.commands.compare:command"),
    Row("gc", "what no kept run, champion or challenger needs, and delete it", "eval.commands.gc:command"),
    Row("rollback", "make the previous champion champion again", "eval.commands.rollback:command"),
)
"""A command's file is loaded when it is chosen, and the engines it needs when it runs: help is quick."""

EXAMPLES = """\
parlance run --profile demo                       the whole pipeline, a quarter of an hour on two cores
parlance run --data chats.jsonl -o train.steps=300
parlance explain --rule near_duplicate            what a rule dropped
parlance chat                                     talk to the champion"""


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit status: 0, 1 (a check failed), 2 (the user can act), 75 (start again)."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads starve each other on busy machines
    options = None
    try:
        options = parser().parse_args(arguments)
        return options.command(options) or 0
    except UserError as error:
        print(f"error: {masked(str(error))}", file=sys.stderr, flush=True)
        return USER_ERROR
    except KeyboardInterrupt:
        print("error: interrupted; run the same command again to go on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except RestartError as error:
        print(f"{error}; run the same command again to go on from here", file=sys.stderr, flush=True)
        return RESTART
    except EndedError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    except Exception as error:
        if lacked := shortage(error, Path(getattr(options, "root", None) or ".")):
            print(f"error: {lacked}", file=sys.stderr, flush=True)
            return USER_ERROR
        print(masked(traceback.format_exc()), end="", file=sys.stderr)
        print(
            f"error: unexpected {type(error).__name__}: {masked(' '.join(str(error).split()))}; "
            "nothing half-written was kept, the trace above is for a bug report",
            file=sys.stderr,
            flush=True,
        )
        return 1


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(
        prog="parlance",
        description="From raw conversations to a trained, evaluated and promoted chat model.",
        epilog=EXAMPLES,
        formatter_class=RawDescriptionRichHelpFormatter,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=_Command)
    for name, does, entry in COMMANDS:
        commands.add_parser(name, help=does, description=does[0].upper() + does[1:] + ".").entry = entry
    return top


class _Command(argparse.ArgumentParser):
    """Learns its arguments from its entry when it is asked to parse."""

    entry: str

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, formatter_class=RawDescriptionRichHelpFormatter)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.set_defaults(command=pkgutil.resolve_name(self.entry)(self))
        self.epilog = textwrap.dedent(self.epilog or "")
        return super().parse_known_args(args, namespace)


if __name__ == "__main__":
    sys.exit(main())
