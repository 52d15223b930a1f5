"""The tasks of a run and what runs after what, for every DAG that trains."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

from airflow.sdk import BaseOperator, TriggerRule

from pipeline.contract.stages import TASKS, stages_of
from plugins.configure_operator import ConfigureOperator
from plugins.deepspeed_operator import GPU_POOL, DeepSpeedOperator
from plugins.report_operator import ReportOperator
from plugins.review_operators import AuditApproval, ReviewBranch, ReviewOperator
from plugins.spark_operator import ParlanceSparkOperator
from plugins.stage_operator import StageOperator

DEFAULTS: dict[str, Any] = {
    "owner": "parlance",
    "retries": 1,
    "retry_delay": timedelta(seconds=15),
    "execution_timeout": timedelta(hours=24),
}
TRAINING: dict[str, Any] = {"retries": 2, "execution_timeout": timedelta(days=21)}
"""A retry resumes from the newest checkpoint."""

DOCS = {
    "configure": "Resolves the profile and the form's fields, and refuses what would fail later. Starts the run.",
    "acquire": "Reads every source into canonical conversations; malformed records go to quarantine, with a reason.",
    "clean": "Repairs and scores the text once, then rules keep or drop. Changing a rule does not score again.",
    "deduplicate": "Drops exact and verified near duplicates; splits by cluster, so near-twins never straddle splits.",
    "embed": "One vector a segment, in shards; resumes at the first shard that is missing.",
    "audit": "Topics, demographic mentions, sentiment; findings with severities.",
    "choose_reviewer": "Whether a human is asked: if the profile says so, and this data has no decision yet.",
    "approve": "Waits for a human to approve or reject the data. No answer within the time is a rejection.",
    "review": "Records the decision, the human's or the thresholds'.",
    "balance": "Downsamples over-represented topics, adds marked counterfactual rows, removes what was rejected.",
    "index": "Upserts vectors and payloads into Qdrant, and verifies count and sample.",
    "tokenise": "Trains or loads the tokenizer, applies the chat template, masks, packs.",
    "train": "Data-parallel training under DeepSpeed, checkpointed; a retry resumes. One slot of the pool `gpu`.",
    "evaluate": "Perplexity, bits a byte, BLEU, ROUGE, samples; by source and topic.",
    "promote": "Challenger against champion; registers and, if better, promotes.",
    "report": "Writes the run's report, also of a run that failed. It does not decide the run's state.",
}


def pipeline_tasks() -> dict[str, BaseOperator]:
    """Creates the tasks in the DAG of the surrounding `with`, and returns them by name."""
    tasks: dict[str, BaseOperator] = {
        "configure": ConfigureOperator(task_id="configure", execution_timeout=timedelta(hours=1)),
        "choose_reviewer": ReviewBranch(task_id="choose_reviewer", ask="approve", decide="review"),
        "approve": AuditApproval(task_id="approve", asked_by="choose_reviewer", execution_timeout=None),
        "report": ReportOperator(task_id="report", execution_timeout=timedelta(hours=1)),
    }
    tasks |= {task: _stage(task) for task in TASKS}
    for name, task in tasks.items():
        task.doc_md = DOCS[name]

    order = ("configure", "acquire", "clean", "deduplicate", "embed", "audit", "choose_reviewer")
    for before, after in pairwise(order):
        tasks[before] >> tasks[after]
    tasks["choose_reviewer"] >> tasks["approve"] >> tasks["review"]
    tasks["choose_reviewer"] >> tasks["review"] >> tasks["balance"]
    tasks["balance"] >> tasks["index"]
    tasks["balance"] >> tasks["tokenise"] >> tasks["train"] >> tasks["evaluate"] >> tasks["promote"]
    [tasks["index"], tasks["promote"]] >> tasks["report"].as_teardown()  # runs after failures, never hides one
    return tasks


def _stage(task: str) -> BaseOperator:
    """The operator for a task, by the engine of its stages."""
    if task == "review":
        return ReviewOperator(task_id=task, asked_in="approve", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    engine = stages_of(task)[-1].engine
    if engine == "spark":
        return ParlanceSparkOperator(task_id=task, task=task)
    if engine == "deepspeed":
        return DeepSpeedOperator(task_id=task, task=task, **TRAINING)
    return StageOperator(task_id=task, task=task, pool=GPU_POOL if task in ("embed", "evaluate") else "default_pool")
