"""train: packed tokens become a model, on all ranks, through DeepSpeed."""

import json
import shutil
from pathlib import Path
from typing import Any

from configs.errors import EndedError, UserError
from configs.hostfile import world_size
from configs.load import load_architecture
from configs.model import Architecture
from configs.size import architecture_of
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.contract.finished import Finished
from pipeline.contract.notice import taken
from pipeline.contract.pretrained import check_positions, pretrained_config, pretrained_source
from pipeline.contract.progress import say
from pipeline.contract.sealed_json import DamagedError, read_sealed, write_sealed
from pipeline.contract.tokenizer import saved_tokenizer, usable_tokenizer
from training.arrow import arrow_copy
from training.elastic import remaining
from training.job_config import JobConfig, check, check_heads, check_vocabulary
from training.launcher import launch
from training.micro_batch import fastest, fitting_micro_batch
from training.mlflow_logger import MlflowLogger
from training.pair_packing import packed_pairs
from training.tensorboard_logger import TensorBoardLogger

FINISHED = "finished.json"
KEPT = (
    "parameters",
    "trainable_parameters",
    "ranks",
    "steps",
    "tokens",
    "tokens_per_second",
    "seconds",
    "best_step",
    "stopped_early",
)
"""What of training.json also enters the manifest."""


def train(context: StageContext) -> None:
    """Leaves model/, training.json and metrics.jsonl; with LoRA also adapter/.

    Resumable: what a killed attempt left in the scratch folder (sequences, checkpoints, the best weights) is used as
    far as it is what was written, and so is a model that it had finished. Raises UserError for settings that do not
    fit, and for what a rank reports as the user's to put right.
    """
    check(context.profile)
    job = make_job(context)
    finished = _finished(context)
    if finished is None:
        shutil.rmtree(job.out)
        job.out.mkdir()
        _copy_sequences(context, job)
        if context.config("launch").micro_batch == "auto":
            job = fastest(job)
        mlflow_run = _launch(context, job)
        finished = {"mlflow_run": mlflow_run, "files": _hashes(context)}
        write_sealed(job.checkpoints / FINISHED, finished)
    facts = json.loads((job.out / "training.json").read_text(encoding="utf-8"))
    tokenised = context.inputs["tokenise"].ledger
    context.ledger.rows_in = context.ledger.rows_out = tokenised.rows_out
    context.metrics.update({name: facts[name] for name in KEPT}, mlflow_run_id=finished["mlflow_run"])
    if facts["validation_loss"]:
        context.metrics["validation_loss"] = dict(facts["validation_loss"])[facts["best_step"]]


def _finished(context: StageContext) -> dict[str, Any] | None:
    """What an attempt noted that had finished its model and was killed before the commit; None when there is none, or
    the files are no longer what they were."""
    path = context.scratch / FINISHED
    try:
        noted = read_sealed(path, "training goes on from a checkpoint")
        if noted["files"] == _hashes(context):
            say("train: an earlier attempt had finished the model")
            return noted
        say(f"train: {context.out} is not what an earlier attempt finished; training goes on from a checkpoint")
    except FileNotFoundError:
        return None
    except DamagedError as error:
        say(f"train: {error}")
    path.unlink()
    return None


def _hashes(context: StageContext) -> dict[str, str]:
    """File of the artifact to sha256, so far."""
    files = sorted(p for p in context.out.rglob("*") if p.is_file())
    found = context.run.file_hashes.of(files)
    return {path.relative_to(context.out).as_posix(): digest for path, digest in found.items()}


def _launch(context: StageContext, job: JobConfig) -> str | None:
    """Trains on all ranks; the id of the MLflow run that the metrics went to."""
    path = job.checkpoints / "job.json"
    write_text(path, job.model_dump_json(indent=1))
    mlflow = MlflowLogger(context.config("tracking"), context.run.id, context.run.root, job)
    with mlflow, TensorBoardLogger(context.run.folder / "tensorboard", job):
        say(f"train: {job.train.steps:,} steps of {job.train.batch_tokens:,} tokens, ranks: {job.world_size}")
        with taken(context.run.folder):
            launch_until_done(job, path)
    return mlflow.run_id


def launch_until_done(job: JobConfig, path: Path) -> None:
    """Starts the ranks, and again after a fault as often as launch.restarts says, on the machines that are left."""
    for left in reversed(range(job.launch.restarts + 1)):
        try:
            launch(path, job.launch, job.checkpoints)
            return
        except (EndedError, RuntimeError) as error:
            if not left:
                raise
            say(f"{error}; the ranks start again from the newest checkpoint, restarts left: {left - 1}")
        job = remaining(job, path)
        write_text(path, job.model_dump_json(indent=1))


def make_job(context: StageContext) -> JobConfig:
    """The job of this run. Raises UserError when the tokenizer does not fit the architecture."""
    model, launch_settings = context.config("model"), context.config("launch")
    tokenised = context.inputs["tokenise"]
    tokenizer = saved_tokenizer(tokenised.path / "tokenizer")
    architecture: Architecture | None = None
    new: tuple[int, ...] = ()
    length = context.profile.tokenise.sequence_length
    if model.pretrained:
        config = pretrained_config(model.pretrained).get_text_config()
        check_positions(model.pretrained, config.to_dict(), length)
        shape = architecture_of(config)
        new = new_tokens(model.pretrained, tokenizer.get_vocab())
    else:
        shape = architecture = load_architecture(model.name)
        check_vocabulary(architecture, len(tokenizer), model.name)
    check_heads(shape, launch_settings.sequence_parallel, model.pretrained or model.name)
    if launch_settings.micro_batch == "auto":
        micro_batch = fitting_micro_batch(context.profile, shape, len(tokenizer))
        launch_settings = launch_settings.model_copy(update={"micro_batch": micro_batch})
    scratch = context.scratch.resolve()
    return JobConfig(
        train=context.config("train"),
        launch=launch_settings,
        seed=context.config("seed"),
        architecture=architecture,
        pretrained=model.pretrained,
        lora=model.lora,
        new_tokens=new,
        vocabulary=len(tokenizer),
        sequence_length=length,
        mix=context.config("acquire.mix"),
        world_size=world_size(launch_settings),
        tokenizer=(tokenised.path / "tokenizer").resolve(),
        sequences=scratch / "sequences",
        tokenised=tokenised.path.resolve(),
        out=context.out.resolve(),
        checkpoints=scratch,
        traces=context.run.folder,
    )


def new_tokens(pretrained: str, vocabulary: dict[str, int]) -> tuple[int, ...]:
    """The ids in `vocabulary` that the pretrained model's tokenizer lacks, in order; their rows hold nothing yet.

    Raises UserError when that tokenizer gives a token another id than `vocabulary` does, since its embeddings
    would then belong to other tokens. Without a tokenizer, ids beyond the model's vocabulary count as new.
    """
    try:
        source = pretrained_source(pretrained)
        own = usable_tokenizer(source, f"model.pretrained: the tokenizer of {pretrained}", "").get_vocab()
    except UserError:
        say(f"train: {pretrained} has no tokenizer that loads, so nobody can tell whether its tokens are these")
        return _beyond(pretrained, vocabulary)
    taken = set(own.values())
    differing = sorted(t for t, number in vocabulary.items() if (own[t] != number if t in own else number in taken))
    if differing:
        raise UserError(
            f"model.pretrained: {pretrained} was trained with another tokenizer: {len(differing):,} tokens have other "
            f"numbers there, {differing[0]!r} for one; set tokenise.tokenizer=pretrained"
        )
    return tuple(sorted(number for token, number in vocabulary.items() if token not in own))


def _beyond(pretrained: str, vocabulary: dict[str, int]) -> tuple[int, ...]:
    """The ids that the pretrained model has no rows for; a model that does not load is reported by the ranks."""
    try:
        rows = pretrained_config(pretrained).vocab_size
    except UserError:
        return ()
    return tuple(sorted(number for number in vocabulary.values() if number >= rows))


def _copy_sequences(context: StageContext, job: JobConfig) -> None:
    """Packed conversations, or pairs, as files that every rank maps into memory.

    Raises UserError when there are too few pairs to train on.
    """
    tokenised: Path = context.inputs["tokenise"].path
    source = tokenised / ("pairs" if job.train.prefers else "packed")
    finished = Finished(job.checkpoints / "sequences.journal", job.sequences)
    parts = {split: len(list((source / split).glob("*.parquet"))) for split in ("train", "validation")}
    with context.progress(sum(parts.values()), "files", "train: sequences") as progress:
        for split in parts:
            target = job.sequences / split
            if job.train.prefers:
                sequences = packed_pairs(source / split, target, job.packed_length, progress.advance, finished)
            else:
                length = job.sequence_length
                sequences = arrow_copy(source / split, target, length, progress.advance, finished, [*job.mix])
            say(f"train: {sequences:,} {split} sequences")
            if split == "train" and job.train.prefers:
                check_pairs(job, sequences)


def check_pairs(job: JobConfig, sequences: int) -> None:
    """Raises UserError when the pairs fill no batch. sequences: of the training split."""
    objective = job.train.objective
    if not sequences:
        raise UserError(
            f"train.objective: {objective} learns from preference pairs, and there are none; give a source whose "
            "records hold a chosen and a rejected reply (docs/preprocessing.md), or set train.objective=sft"
        )
    if sequences < job.batch_sequences:
        raise UserError(
            f"train.objective: {objective}: the pairs fill {sequences:,} sequences of {job.packed_length:,} tokens, a "
            f"batch takes {job.batch_sequences:,}; set train.batch_tokens to at most {sequences * job.packed_length:,} "
            "or give more pairs"
        )
