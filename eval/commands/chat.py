"""parlance chat: a conversation with the champion."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from configs.errors import UserError
from pipeline.contract.options import Runs, add_root, root_of
from pipeline.contract.run import Run


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = "Reads from the terminal, or from a pipe. /reset forgets the conversation, /quit ends it."
    add_root(parser)
    parser.add_argument("--model", help="model folder (default: the registry's champion)")
    parser.add_argument("--say", help="one message, one reply, and out")
    parser.add_argument("--max-new-tokens", type=int, default=64, metavar="N", help="longest reply (default: 64)")
    parser.add_argument("--temperature", type=float, default=0.3, help="0 is greedy (default: 0.3)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sampling (default: 0)")
    return _chat


def _chat(options: Namespace) -> None:
    folder = champion_folder(root_of(options)) if options.model is None else Path(options.model)
    from eval.chat import chat

    chat(folder, options.say, options.max_new_tokens, options.temperature, options.seed)


def champion_folder(root: Path) -> Path:
    """The champion's folder. Raises UserError when none is registered."""
    profile = Run.open(root).profile
    from eval.registry import champion

    found = champion(profile.tracking.address(root), profile.promote.model_name)
    if found is None:
        raise UserError(f"{root}: no champion is registered yet; `make demo` trains one, or give --model FOLDER")
    return found.folder
