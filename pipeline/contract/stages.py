"""The stages of train_chat_model, in order: what each reads, which settings decide its output, how it is shown.

This table is all that an orchestrator, the plan and the report need. It imports none of the stages: a stage is
loaded, with Spark or torch, only in the process that runs it.
"""

import sys
from pathlib import Path

from pipeline.contract.stage import Shown, Stage, Work

STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            "acquire",
            entry="pipeline.acquire.acquire:acquire",
            doc="Reads every source into canonical conversations; malformed records go to quarantine, with a reason.",
            version="7",
            config=("acquire",),
            settings=("spark",),
            engine="spark",
            raw="pipeline.acquire.sources:raw_inputs",
            held="pipeline.acquire.sources:standing_still",
            holds="raw conversations",
            shown=Shown(
                funnel="usable",
                part="data",
                passed="read from source {source}, {origin[file]}, record {origin[ordinal]:,}, {turns} turns",
                lineage="pipeline.acquire.lineage:worse_side",
            ),
        ),
        Stage(
            "score",
            task="clean",
            entry="pipeline.clean.score:score",
            doc="Repairs and scores the text once.",
            inputs=("acquire",),
            version="8",
            config=("clean.text", "clean.translation", "clean.pii", "clean.rules.max_chars"),
            settings=("spark",),
            engine="spark",
            holds="conversations",
            form={"Data": ("clean.text.emoji",)},
        ),
        Stage(
            "clean",
            entry="pipeline.clean.clean:clean",
            doc="Rules keep or drop. Changing a rule does not score again.",
            version="8",
            inputs=("score",),
            config=("clean.rules",),
            settings=("spark",),
            engine="spark",
            holds="conversations",
            shown=Shown(funnel="clean"),
            form={"Data": ("clean.rules.max_offensive", "clean.rules.min_chars")},
        ),
        Stage(
            "deduplicate",
            entry="pipeline.deduplicate.deduplicate:deduplicate",
            doc="Drops exact and verified near duplicates; splits by cluster and prompt, so twins never straddle.",
            version="8",
            inputs=("clean",),
            config=("deduplicate", "seed"),
            settings=("spark", "storage.root"),
            engine="spark",
            raw="pipeline.deduplicate.reference_files:raw_inputs",
            holds="conversations",
            shown=Shown(funnel="unique"),
            form={"Data": ("deduplicate.jaccard",)},
        ),
        Stage(
            "embed",
            entry="pipeline.embed.embed:embed",
            version="3",
            doc="One vector a segment, in shards; what has been embedded is taken over.",
            inputs=("deduplicate",),
            config=("embed",),
            settings=("embedding",),
            raw="pipeline.contract.raw_inputs:encoder",
            holds="vectors",
            work=Work("segments", gpus="one"),
            shown=Shown(passed="embedded turns {first_turn} to {last_turn}"),
        ),
        Stage(
            "sentiment",
            entry="pipeline.sentiment.sentiment:sentiment",
            doc="The model of emotions and sentiment: trained on labelled texts, or the one that is shipped.",
            version="2",
            settings=("audit.emotion",),
            check="pipeline.sentiment.training_data:check",
            raw="pipeline.sentiment.training_data:raw_inputs",
            work=Work("none"),
            shown=Shown(part="sentiment", facts="held_out.json"),
        ),
        Stage(
            "annotate",
            task="audit",
            entry="pipeline.audit.annotate:annotate",
            doc="Topics, mentions, sentiment and emotions of every conversation, and what is said of each group.",
            version="8",
            inputs=("deduplicate", "embed", "sentiment", "clean"),
            config=("audit", "embed.model", "seed"),
            settings=("spark", "embedding"),
            engine="spark",
            raw="pipeline.audit.topic_examples:raw_inputs",
            holds="annotations",
        ),
        Stage(
            "audit",
            entry="pipeline.audit.audit:audit",
            doc="Groups against the rest, and findings with severities.",
            inputs=("annotate", "deduplicate"),
            version="6",
            config=("audit.topics", "findings"),
            settings=("spark",),
            engine="spark",
            check="pipeline.audit.exclusion:check",
            raw="pipeline.audit.exclusion:raw_inputs",
            work=Work("none"),
            shown=Shown(part="audit", facts="audit.json"),
        ),
        Stage(
            "review",
            entry="pipeline.review.review:review",
            doc="Records the decision, the human's or the thresholds'.",
            version="2",
            inputs=("audit",),
            config=("review.mode", "review.max_severity"),
            raw="pipeline.contract.raw_inputs:approval",
            asks="pipeline.review.answer:answer",
            work=Work("none"),
            shown=Shown(part="review", facts="decision.json"),
            form={"Review": ("review.mode", "review.max_severity")},
        ),
        Stage(
            "generate",
            entry="pipeline.generate.generate:generate",
            doc="Rows written by a model for topics and groups that the corpus has too little of, filtered as its own.",
            inputs=("deduplicate", "annotate", "review"),
            config=(
                "balance.generator",
                "audit.topics",
                "embed.model",
                "clean.text",
                "clean.pii",
                "clean.translation",
                "clean.rules",
                "deduplicate.jaccard",
                "deduplicate.permutations",
                "deduplicate.bands",
                "seed",
            ),
            settings=("embedding", "tracking", "promote.model_name"),
            resumable=True,
            raw="pipeline.generate.raw_inputs:raw_inputs",
            work=Work("none", gpus="one", needs="balance.generator.model"),
        ),
        Stage(
            "balance",
            entry="pipeline.balance.balance:balance",
            doc="Removes what was rejected, what lies near to an evaluation and what says the same as another row; "
            "downsamples topics, groups and emotions; selects; adds marked counterfactual and generated rows.",
            inputs=("deduplicate", "embed", "annotate", "review", "generate"),
            version="4",
            config=("balance", "seed"),
            settings=("spark", "embed", "embedding", "evaluate", "deduplicate", "storage.root"),
            engine="spark",
            raw="pipeline.balance.raw_inputs:raw_inputs",
            holds="conversations",
            shown=Shown(funnel="balanced"),
            form={"Data": ("balance.max_topic_share", "balance.counterfactual_share")},
        ),
        Stage(
            "reannotate",
            task="balance",
            entry="pipeline.balance.reannotate:reannotate",
            doc="The annotations of the balanced rows: those of kept rows as they were, those of added rows new.",
            inputs=("balance", "annotate", "sentiment"),
            settings=("spark", "audit"),
            engine="spark",
            work=Work("none"),
            holds="annotations",
        ),
        Stage(
            "reaudit",
            task="balance",
            entry="pipeline.balance.reaudit:reaudit",
            doc="The audit again, over the balanced rows, and what has changed, with intervals.",
            version="2",
            inputs=("reannotate", "balance", "annotate", "audit"),
            config=("audit.topics", "findings"),
            settings=("spark",),
            engine="spark",
            raw="pipeline.audit.exclusion:raw_inputs",
            work=Work("none"),
            shown=Shown(part="mitigation", facts="change.json"),
        ),
        Stage(
            "index",
            entry="pipeline.index.index:index",
            version="3",
            doc="Upserts vectors and payloads into Qdrant, what is new or different, and verifies count and sample.",
            inputs=("balance", "embed"),
            config=("vectors.collection", "vectors.url", "embed"),
            settings=("vectors", "embedding"),
            resumable=True,
            work=Work("points"),
            shown=Shown(part="vectors", facts="index.json"),
        ),
        Stage(
            "tokenise",
            entry="pipeline.tokenise.tokenise:tokenise",
            doc="Queries the rows that train, trains or loads the tokenizer, applies the chat template, masks, packs.",
            version="5",
            inputs=("balance", "embed"),
            config=("tokenise", "acquire.mixed_sources"),
            settings=("spark", "embed", "embedding"),
            engine="spark",
            raw="pipeline.contract.raw_inputs:tokenizer",
            holds="packed tokens",
            shown=Shown(funnel="tokenised", lineage="pipeline.tokenise.lineage:packed"),
            form={"Model": ("tokenise.tokenizer", "tokenise.vocabulary", "tokenise.sequence_length")},
        ),
        Stage(
            "train",
            entry="training.train:train",
            doc="Data-parallel training under DeepSpeed, checkpointed; a retry resumes. One slot of the pool `gpu`.",
            version="6",
            inputs=("tokenise",),
            config=("model", "train", "seed", "acquire.mix"),
            settings=("launch", "tracking", "storage"),
            engine="deepspeed",
            check="training.job_config:check",
            resumable=True,
            raw="training.job_config:raw_inputs",
            holds="weights",
            work=Work("tflop", gpus="all", retries=2, hours=21 * 24),
            shown=Shown(part="training", facts="training.json", lineage="training.lineage:trained"),
            form={
                "Model": ("model.name", "model.pretrained"),
                "Training": (
                    "train.objective",
                    "train.steps",
                    "train.batch_tokens",
                    "train.learning_rate",
                    "train.warmup_steps",
                    "train.precision",
                    "launch.ranks",
                    "launch.micro_batch",
                    "launch.zero_stage",
                    "seed",
                ),
            },
        ),
        Stage(
            "base",
            task="evaluate",
            entry="eval.base:base",
            doc="Measures the pretrained weights as the model is measured, once for all trainings from them.",
            version="2",
            inputs=("tokenise", "balance"),
            config=("evaluate", "seed"),
            settings=("model",),
            raw="pipeline.contract.raw_inputs:base",
            work=Work("forward", gpus="one", needs="model.pretrained"),
        ),
        Stage(
            "evaluate",
            entry="eval.evaluate:evaluate",
            doc="Perplexity, bits a byte, BLEU, ROUGE, samples; by source and topic; probes; beside the base's.",
            version="6",
            inputs=("train", "tokenise", "balance", "base"),
            config=("evaluate", "seed"),
            check="eval.check:check",
            raw="pipeline.contract.raw_inputs:probes",
            work=Work("forward", gpus="one"),
            shown=Shown(part="evaluation", facts="evaluation.json"),
        ),
        Stage(
            "promote",
            entry="eval.promote:promote",
            doc="Challenger against champion, leg by leg; registers and, if better and nothing is lost, promotes.",
            version="5",
            inputs=("evaluate", "train", "tokenise", "balance", "review"),
            config=("promote",),
            settings=("tracking", "storage"),
            check="eval.check:check_legs",
            raw="pipeline.contract.raw_inputs:registry",
            holds="weights",
            work=Work("none"),
            shown=Shown(part="promotion", facts="promotion.json"),
            form={"Promotion": ("promote.model_name", "promote.min_improvement", "promote.confidence")},
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


def conversations_into(name: str) -> str:
    """The stage whose conversations a stage works on: the nearest above it; itself, if there is none."""
    level = [name]
    while level:
        level = [other for below in level for other in STAGES[below].inputs]
        for other in level:
            if STAGES[other].conversations:
                return other
    return name


def text_before(name: str) -> str:
    """The stage whose data/ holds the text of the rows that a stage drops; empty when it must not be shown.

    Text is shown only once personal data has been replaced: what acquire puts in quarantine is shown by file,
    position and reason alone. Evidence never quotes a row's text.
    """
    found = conversations_into(name)
    return found if found != name and STAGES[found].holds == "conversations" else ""


def above(task: str) -> set[str]:
    """All tasks that must have run before a task, by what its stages read."""
    read = {STAGES[name].task for stage in stages_of(task) for name in stage.inputs} - {task}
    return read.union(*(above(other) for other in read))


def right_above(task: str) -> set[str]:
    """The tasks that a task waits for: those above it, less those that one of them waits for already."""
    every = above(task)
    return every - {further for other in every for further in above(other)}
