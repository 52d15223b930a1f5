"""One run of every stage over the hand-made conversations beside this file, which take many paths through each.

Change the conversations in a commit that changes no stage: new input gives every stage a new fingerprint, under which
any output is taken for granted.
"""

from pathlib import Path

from configs.load import load_profile
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from pipeline.contract.stages import TASKS

HERE = Path("tests/golden")
"""Relative to the project, as deduplicate's fingerprint holds the evaluation set's name."""

SETTINGS = [
    "spark.master=local[2]",
    "spark.driver_memory=1g",
    "spark.conf={spark.sql.shuffle.partitions: '2'}",
    "clean.rules.languages=[en, de]",
    "clean.rules.refusals=drop",
    f"deduplicate.evaluation_sets=[{HERE / 'evaluation.jsonl'}]",
    "deduplicate.validation_share=0.1",
    "deduplicate.test_share=0.1",
    "embedding.device=cpu",
    "embed.max_segments=2",
    "embed.shard_rows=16",
    "findings.min_group_rows=2",
    "balance.max_topic_share=0.15",
    "balance.counterfactual_share=0.5",
    "tokenise.vocabulary=512",
    "tokenise.sequence_length=128",
    "train.steps=4",
    "train.batch_tokens=512",
    "train.warmup_steps=1",
    "train.validation_every=2",
    "train.precision=fp32",
    "launch.ranks=1",
    "launch.micro_batch=4",
    "evaluate.generations=1",
    "evaluate.max_new_tokens=2",
    "promote.max_perplexity_over_unigram=100",
]
"""Limits at which so few conversations meet every stage's rules, and a training that takes seconds."""


def golden_run(root: Path) -> Run:
    """The finished run, under an empty root; the working directory is the project's."""
    profile = load_profile("scratch", [f"storage.root={root}", *SETTINGS], str(HERE / "conversations"))
    run = Run.begin(profile, "golden")
    for task in TASKS:
        execute(run, task, {"decision": "approve", "by": "golden", "remove_topics": "money and shopping"})
    return run
