"""The stages of train_chat_model, in order: what each reads, and which settings decide its output.

This table is all that an orchestrator needs. It imports none of the stages: a stage is loaded, with
Spark or torch, only in the process that runs it.
"""

from pipeline.stage import Stage

STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            "acquire",
            entry="pipeline.stages.acquire:acquire",
            version="2",
            config=("acquire",),
            settings=("spark",),
            engine="spark",
        ),
        Stage(
            "score",
            task="clean",
            entry="pipeline.stages.clean:score",
            inputs=("acquire",),
            version="3",
            config=("clean.text", "clean.translation", "clean.pii"),
            settings=("spark",),
            engine="spark",
        ),
        Stage(
            "clean",
            entry="pipeline.stages.clean:clean",
            version="3",
            inputs=("score",),
            config=("clean.rules",),
            settings=("spark",),
            engine="spark",
        ),
        Stage(
            "deduplicate",
            entry="pipeline.stages.deduplicate:deduplicate",
            version="2",
            inputs=("clean",),
            config=("deduplicate", "seed"),
            settings=("spark", "storage.root"),
            engine="spark",
        ),
        Stage(
            "embed",
            entry="pipeline.stages.embed:embed",
            inputs=("deduplicate",),
            config=("embed",),
            settings=("embedding",),
            resumable=True,
        ),
        Stage(
            "annotate",
            task="audit",
            entry="pipeline.stages.audit:annotate",
            inputs=("deduplicate", "embed"),
            config=("audit", "embed.model"),
            settings=("spark", "embedding"),
            engine="spark",
        ),
        Stage(
            "audit",
            entry="pipeline.stages.audit:audit",
            inputs=("annotate",),
            config=("audit.topics", "findings"),
            settings=("spark",),
            engine="spark",
        ),
        Stage(
            "review",
            entry="pipeline.stages.review:review",
            inputs=("audit",),
            config=("review",),
        ),
        Stage(
            "balance",
            entry="pipeline.stages.balance:balance",
            inputs=("deduplicate", "annotate", "review"),
            config=("balance", "seed"),
            settings=("spark",),
            engine="spark",
        ),
        Stage(
            "index",
            entry="pipeline.stages.index:index",
            inputs=("balance", "embed"),
            config=("vectors.collection", "vectors.url", "embed"),
            settings=("vectors", "embedding"),
            resumable=True,
        ),
        Stage(
            "tokenise",
            entry="pipeline.stages.tokenise:tokenise",
            inputs=("balance",),
            config=("tokenise",),
            settings=("spark",),
            engine="spark",
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


def stages_of(task: str) -> list[Stage]:
    """The stages that a task runs, in order."""
    return [stage for stage in STAGES.values() if stage.task == task]
