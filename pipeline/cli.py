"""The command line: parlance run, plan, stage, verify, explain, search, chat, report, rollback."""

import argparse
import json
import os
import sys
import textwrap
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from rich_argparse import RawDescriptionRichHelpFormatter

from configs.errors import UserError
from configs.load import load_profile, profile_names
from pipeline.contract.execute import execute
from pipeline.contract.progress import Progress, say
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES, TASKS, command_of

USER_ERROR = 2


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit status: 0, 1 (a check failed) or 2 (the user can act)."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads starve each other on busy machines
    options = parser().parse_args(arguments)
    try:
        return options.command(options) or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return USER_ERROR
    except KeyboardInterrupt:
        print("error: interrupted; run the same command again to go on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        traceback.print_exc()
        print(
            f"error: unexpected {type(error).__name__}: {' '.join(str(error).split())}; nothing half-written was kept, "
            "the trace above is for a bug report",
            file=sys.stderr,
            flush=True,
        )
        return 1


def run(options: argparse.Namespace) -> None:
    """The whole pipeline in this terminal."""
    from pipeline.preflight import check

    traced = [f"launch.profile_steps={json.dumps(options.profile_steps)}"] if options.profile_steps else []
    profile = load_profile(options.profile, [*_root_override(options), *options.override, *traced], options.data)
    check(profile)
    this = Run.begin(profile, options.run_id)
    say(f"run {this.id}: profile {options.profile}, folder {this.folder}")
    for line in import_module("pipeline.planning.run_plan").plan_run(this).lines():
        say(line)
    answer = {"decision": options.decision, "by": options.by} if options.decision else None
    failed = True
    try:
        for task in TASKS[: TASKS.index(options.until) + 1]:
            _in_process(this, task, answer if task == "review" else None)
        failed = False
    finally:
        report = import_module("pipeline.report.report").write_report(this)
        say(f"{'stopped; ' if failed else ''}report: {report}")


def plan(options: argparse.Namespace) -> None:
    """What the run will take: hours, machines, GPUs, memory, disk, money."""
    profile = load_profile(options.profile, [*_root_override(options), *options.override], options.data)
    root = Path(profile.storage.root).resolve()
    if options.calibrate:
        say(f"calibration: {import_module('pipeline.planning.calibrate').calibrate(profile, root)}")
    estimate = import_module("pipeline.planning.estimate").estimate(profile, root)
    if options.json:
        print(json.dumps(estimate, indent=1, ensure_ascii=False))
    else:
        render = import_module("pipeline.planning.render")
        render.print_plan(estimate, render.console())


def stage(options: argparse.Namespace) -> None:
    """One task of an existing run, in this process."""
    this = _named_run(options)
    names = ("decision", "by", "remove_topics", "remove_sources")
    execute(this, options.task, {n: getattr(options, n) for n in names if getattr(options, n)})


def verify(options: argparse.Namespace) -> int:
    """Every file of every artifact against its manifest."""
    from pipeline.contract.artifact import ArtifactStore

    if options.run:
        this = Run.open(_root(options), options.run)
        artifacts = [a for a in (this.find(name) for name in STAGES) if a]
    else:
        artifacts = ArtifactStore(_root(options)).all()
    if not artifacts:
        raise UserError(f"{_root(options)}: no artifact to verify; `parlance run` or `make demo` makes some")
    damage: list[str] = []
    with Progress("verify", len(artifacts), "artifacts") as progress:
        for artifact in artifacts:
            damage += artifact.damage()
            progress.advance()
    for line in damage:
        print(line)
    files = (
        sum(len(a.manifest["files"]) + 2 for a in artifacts if (a.path / "manifest.json").is_file())
        if not damage
        else 0
    )
    print(
        f"{len(damage)} damaged" if damage else f"{len(artifacts)} artifacts, {files} files: all as their manifests say"
    )
    return 1 if damage else 0


def explain(options: argparse.Namespace) -> None:
    """One row's story, or examples of a rule."""
    from pipeline.report.explain import examples, explain

    this = Run.open(_root(options), options.run)
    if options.rule:
        for row in examples(this, options.rule, options.examples):
            print(json.dumps(row, ensure_ascii=False))
    elif options.row:
        print("\n".join(explain(this, options.row)))
    else:
        raise UserError("explain needs a ROW, or --rule RULE for examples of what a rule dropped")


def search(options: argparse.Namespace) -> None:
    """Conversations near a text."""
    hits = import_module("pipeline.index.search").search_text(
        Run.open(_root(options), options.run), options.text, options.limit
    )
    for hit in hits:
        text = " ".join(str(hit.payload.get("text", "")).split())
        print(f"{hit.score:.3f}  {hit.payload['row_id']}  [{hit.payload['source']}, {hit.payload['topic']}]  {text}")


def chat(options: argparse.Namespace) -> None:
    """A conversation with the champion."""
    root = _root(options)
    folder = options.model
    if folder is None:
        registry = import_module("eval.registry")
        profile = Run.open(root).profile
        champion = registry.champion(registry.tracking_uri(profile.tracking, root), profile.promote.model_name)
        if champion is None:
            raise UserError(f"{root}: no champion is registered yet; `make demo` trains one, or give --model FOLDER")
        folder = str(champion.folder)
    import_module("eval.chat").chat(
        Path(folder), options.say, options.max_new_tokens, options.temperature, options.seed
    )


def report(options: argparse.Namespace) -> None:
    """The report of a run, built anew."""
    say(f"report: {import_module('pipeline.report.report').write_report(_named_run(options))}")


def rollback(options: argparse.Namespace) -> None:
    """The previous champion back in its place."""
    root = _root(options)
    profile = Run.open(root).profile
    registry = import_module("eval.registry")
    uri = registry.tracking_uri(profile.tracking, root)
    say(registry.rollback(uri, profile.promote.model_name))


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = _parser(
        argparse.ArgumentParser,
        prog="parlance",
        description="From raw conversations to a trained, evaluated and promoted chat model.",
        epilog="""\
            parlance run --profile demo                       the whole pipeline, ten minutes on two cores
            parlance run --data chats.jsonl -o train.steps=600
            parlance explain --rule near_duplicate            what a rule dropped
            parlance chat                                     talk to the champion""",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=_Command)
    root = argparse.ArgumentParser(add_help=False)
    root.add_argument(
        "--root", help="folder of artifacts/ and runs/ (default: $PARLANCE_ROOT, or the profile's storage.root, var)"
    )
    of_run = argparse.ArgumentParser(add_help=False, parents=[root])
    of_run.add_argument("--run", default="latest", help="run id or folder (default: latest)")

    c = _command(
        commands,
        "run",
        run,
        [root],
        "run the pipeline without Airflow, the same stages",
        """\
            A stage whose artifact exists is found, not made again: after a failure or a changed setting
            the same command does only what is left to do.""",
    )
    c.add_argument("--profile", default="demo", help=f"a YAML file, or one of: {', '.join(profile_names())}")
    c.add_argument("--data", help="file or folder of conversations that replaces the profile's sources")
    c.add_argument(
        "-o", "--override", action="append", default=[], metavar="SECTION.KEY=VALUE", help="change a setting"
    )
    c.add_argument(
        "--profile-steps", metavar="A-B", help="trace these steps of training with torch's profiler, as 10-12"
    )
    c.add_argument("--until", choices=TASKS, default=TASKS[-1], help="last task to run", metavar="TASK")
    c.add_argument("--run-id", help="name of the run (default: the time)")
    _answer(c)

    c = _command(
        commands,
        "plan",
        plan,
        [root],
        "say what a run will take, before it starts",
        """\
            Hours, machines, GPUs, memory, disk and money, from the profile that runs. Speeds come from what
            earlier runs under the root took, or from --calibrate, else from configs/rates.yaml.""",
    )
    c.add_argument("--profile", default="demo", help=f"a YAML file, or one of: {', '.join(profile_names())}")
    c.add_argument("--data", help="file or folder of conversations that replaces the profile's sources")
    c.add_argument(
        "-o", "--override", action="append", default=[], metavar="SECTION.KEY=VALUE", help="change a setting"
    )
    c.add_argument("--json", action="store_true", help="print the figures as JSON")
    c.add_argument("--calibrate", action="store_true", help="measure this machine first, in about five minutes")

    c = _command(
        commands,
        "stage",
        stage,
        [root],
        "run one task of an existing run",
        f"""\
            The door that Airflow's operators use. Tasks: {", ".join(TASKS)}.""",
    )
    c.add_argument("task", choices=TASKS, metavar="TASK")
    c.add_argument("--run", default="latest", help="run id or folder (default: latest)")
    _answer(c)
    c.add_argument("--remove-topics", help="review: topics to remove, separated by commas")
    c.add_argument("--remove-sources", help="review: sources to remove, separated by commas")

    c = _command(
        commands,
        "verify",
        verify,
        [root],
        "check every artifact against its manifest",
        """\
            Checks sizes, checksums, fingerprints and ledgers. Exit status 1 and one line a file when
            something was changed, lost or added.""",
    )
    c.add_argument("--run", help="only the artifacts of this run (default: all under the root)")

    c = _command(
        commands,
        "explain",
        explain,
        [of_run],
        "tell one row's story, or show what a rule dropped",
        """\
            parlance explain 3f9a0c                   from file and line to the sequence it trained in
            parlance explain --rule too_short --examples 3""",
    )
    c.add_argument("row", nargs="?", metavar="ROW", help="row id, or the beginning of one")
    c.add_argument("--rule", help="a rule's name, as in the report")
    c.add_argument("--examples", type=int, default=3, metavar="N", help="rows shown for --rule (default: 3)")

    c = _command(
        commands,
        "search",
        search,
        [of_run],
        "find conversations by meaning",
        """\
            Embeds TEXT and asks the run's vector index: similarity, row id, source, topic, text.""",
    )
    c.add_argument("text", metavar="TEXT")
    c.add_argument("--limit", type=int, default=5, metavar="N", help="hits shown (default: 5)")

    c = _command(
        commands,
        "chat",
        chat,
        [root],
        "talk to the champion",
        """\
            Reads from the terminal, or from a pipe. /reset forgets the conversation, /quit ends it.""",
    )
    c.add_argument("--model", help="model folder (default: the registry's champion)")
    c.add_argument("--say", help="one message, one reply, and out")
    c.add_argument("--max-new-tokens", type=int, default=64, metavar="N", help="longest reply (default: 64)")
    c.add_argument("--temperature", type=float, default=0.3, help="0 is greedy (default: 0.3)")
    c.add_argument("--seed", type=int, default=0, help="seed of the sampling (default: 0)")

    _command(commands, "report", report, [of_run], "write a run's report.json and report.html anew", "")
    _command(commands, "rollback", rollback, [root], "make the previous champion champion again", "")
    return top


def _in_process(this: Run, task: str, answer: dict[str, str] | None) -> None:
    """A found task here, any other in a process of its own, so that engines do not share memory."""
    if this.is_cached(task):
        execute(this, task)
        return
    from pipeline.contract.process_group import run_attached

    command = command_of(task, this.folder)
    for name, value in (answer or {}).items():
        command += [f"--{name}", value]
    status = run_attached(command)
    if status:
        raise UserError(f"task {task} failed with status {status}; its last lines are above")


def _named_run(options: argparse.Namespace) -> Run:
    """The run that --run names, by id or by folder. Raises UserError when there is none."""
    folder = Path(options.run).resolve()
    if not folder.is_dir():
        return Run.open(_root(options), options.run)
    if not (folder / "profile.json").is_file():
        raise UserError(f"{folder}: not a run, it holds no profile.json; `parlance run` makes one")
    return Run(folder)


def _root(options: argparse.Namespace) -> Path:
    return Path(options.root or os.environ.get("PARLANCE_ROOT") or "var").resolve()


def _root_override(options: argparse.Namespace) -> list[str]:
    given = options.root or os.environ.get("PARLANCE_ROOT")
    return [f"storage.root={given}"] if given else []


class _Command(argparse.ArgumentParser):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": RawDescriptionRichHelpFormatter, **settings})


def _parser(kind: Callable[..., argparse.ArgumentParser], **settings: Any) -> argparse.ArgumentParser:
    settings["epilog"] = textwrap.dedent(settings.get("epilog", ""))
    return kind(formatter_class=RawDescriptionRichHelpFormatter, **settings)


def _command(
    commands: Any,
    name: str,
    function: Callable[..., Any],
    parents: list[argparse.ArgumentParser],
    help_: str,
    more: str,
) -> argparse.ArgumentParser:
    text = help_[0].upper() + help_[1:] + "."
    c = commands.add_parser(name, help=help_, description=text, epilog=textwrap.dedent(more), parents=parents)
    c.set_defaults(command=function)
    return c


def _answer(command: argparse.ArgumentParser) -> None:
    command.add_argument("--decision", choices=("approve", "reject"), help="review: the human's answer")
    command.add_argument("--by", default="command line", help="review: who answers")


if __name__ == "__main__":
    sys.exit(main())
