"""The stages of train_chat_model, in order: what each reads, and which settings decide its output.

This table is all that an orchestrator needs. It imports none of the stages: a stage is loaded, with
Spark or torch, only in the process that runs it.
"""

import sys
from pathlib import Path

from pipeline.contract.stage import Stage

STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            "acquire",
            entry="pipeline.acquire.acquire:acquire",
            version="2",
            config=("acquire",),
            settings=("spark",),
            engine="spark",
            raw="pipeline.acquire.sources:raw_inputs",
        ),
        Stage(
            "score",
            task="clean",
            entry="pipeline.clean.score:score",
            inputs=("acquire",),
            version="4",
            config=("clean.text", "clean.translation", "clean.pii", "clean.rules.max_chars"),
            settings=("spark",),
            engine="spark",
        ),
        Stage(
            "clean",
            entry="pipeline.clean.clean:clean",
            version="4",
            inputs=("score",),
            config=("clean.rules",),
            settings=("spark",),
            engine="spark",
        ),
        Stage(
            "deduplicate",
            entry="pipeline.deduplicate.deduplicate:deduplicate",
            version="2",
            inputs=("clean",),
            config=("deduplicate", "seed"),
            settings=("spark", "storage.root"),
            engine="spark",
            raw="pipeline.deduplicate.references:raw_inputs",
        ),
        Stage(
            "embed",
            entry="pipeline.embed.embed:embed",
            inputs=("deduplicate",),
            config=("embed",),
            settings=("embedding",),
            resumable=True,
            raw="pipeline.contract.raw_inputs:encoder",
        ),
        Stage(
            "annotate",
            task="audit",
            entry="pipeline.audit.annotate:annotate",
            inputs=("deduplicate", "embed"),
            config=("audit", "embed.model"),
            settings=("spark", "embedding"),
            engine="spark",
            raw="pipeline.contract.raw_inputs:encoder",
        ),
        Stage(
            "audit",
            entry="pipeline.audit.audit:audit",
            inputs=("annotate",),
            config=("audit.topics", "findings"),
            settings=("spark",),
            engine="spark",
        ),
        Stage(
            "review",
            entry="pipeline.review.review:review",
            inputs=("audit",),
            config=("review",),
        ),
        Stage(
            "balance",
            entry="pipeline.balance.balance:balance",
            inputs=("deduplicate", "annotate", "review"),
            config=("balance", "seed"),
            settings=("spark",),
            engine="spark",
        ),
        Stage(
            "index",
            entry="pipeline.index.index:index",
            inputs=("balance", "embed"),
            config=("vectors.collection", "vectors.url", "embed"),
            settings=("vectors", "embedding"),
            resumable=True,
        ),
        Stage(
            "tokenise",
            entry="pipeline.tokenise.tokenise:tokenise",
            inputs=("balance",),
            config=("tokenise",),
            settings=("spark",),
            engine="spark",
            raw="pipeline.contract.raw_inputs:tokenizer",
        ),
        Stage(
            "train",
            entry="training.train:train",
            version="2",
            inputs=("tokenise",),
            config=("model", "train", "seed"),
            settings=("launch", "tracking", "storage"),
            engine="deepspeed",
            check="training.plan:check",
            resumable=True,
            raw="training.plan:raw_inputs",
        ),
        Stage(
            "evaluate",
            entry="eval.evaluate:evaluate",
            inputs=("train", "tokenise", "balance"),
            config=("evaluate", "seed"),
        ),
        Stage(
            "promote",
            entry="eval.promote:promote",
            inputs=("evaluate", "train", "tokenise", "balance", "review"),
            config=("promote",),
            settings=("tracking", "storage"),
        ),
    )
}

TASKS = tuple(dict.fromkeys(stage.task for stage in STAGES.values()))
"""The tasks of the DAG, in order; a task runs the stages that name it."""


def command_of(task: str, run: Path) -> list[str]:
    """The command that runs a task of the run in a folder, in a process of its own."""
    return [sys.executable, "-m", "pipeline.cli", "stage", task, "--run", str(run)]


def stages_of(task: str) -> list[Stage]:
    """The stages that a task runs, in order."""
    return [stage for stage in STAGES.values() if stage.task == task]
