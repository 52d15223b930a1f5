"""Looks for new data and feedback, and starts retraining when there is reason."""

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from configs.addresses import is_address
from configs.load import load_profile
from pipeline.contract.markdown import literal
from pipeline.contract.mirror import root_folder
from plugins.notify import tell
from plugins.project import PROJECT
from plugins.stage_log import StageLog
from plugins.stage_operator import StageOperator
from plugins.store_connection import use_store_connection

UNFINISHED = ["queued", "running"]
LONGEST_NOTE = 1000
"""Characters, Airflow's limit of a note."""


class WatchOperator(StageOperator):
    """Runs `parlance watch` for a profile, and tells whom its `notify` names of drift and of complaints.

    Returns {reasons, digest}: digest names the new files, so that nothing is started twice for the same.
    """

    def __init__(self, *, profile: str, **settings: Any) -> None:
        super().__init__(task="watch", run="", **settings)
        self.profile = profile

    def execute(self, context: Context) -> dict[str, Any]:
        profile = load_profile(self.profile)
        use_store_connection()
        given = profile.storage.root
        elsewhere = given if is_address(given) else str(PROJECT / given)
        folder = root_folder(os.environ.get("PARLANCE_ROOT") or elsewhere) / "watch"
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as scratch, StageLog(folder / "watch.log", show=print) as log:
            out = Path(scratch) / "found.json"
            command = [sys.executable, "-m", "pipeline.cli", "watch", "--profile", self.profile, "--out", str(out)]
            self._attend([*command, "--root", str(folder.parent)], log)
            found = json.loads(out.read_text(encoding="utf-8"))
        warnings = [f"{f['subject']}: {f['message']}" for f in found["findings"] if f["severity"] == "warning"]
        if found["complaint"]:
            warnings.append(found["complaint"])
        if warnings:
            tell(profile.notify, context, "drift", "new data or feedback has moved", warnings)
        return {"reasons": found["reasons"], "digest": found["digest"]}


class RetrainOperator(TriggerDagRunOperator):
    """Starts a run of another DAG with the reasons that the task `of` found as its note.

    Skipped without a reason; while that DAG is paused, or has a run that is not finished, which will have read what is
    new, or the next look finds it still unread; and when a run was started for these very files before.
    """

    def __init__(self, *, of: str, **settings: Any) -> None:
        # Its own keys in a run's configuration would be taken for fields of the trigger form.
        super().__init__(openlineage_inject_parent_info=False, skip_when_already_exists=True, **settings)
        self.of = of

    def execute(self, context: Context) -> None:
        found = context["ti"].xcom_pull(task_ids=self.of)
        if not found["reasons"]:
            raise AirflowSkipException("no reason to train anew")
        if context["ti"].get_dag(self.trigger_dag_id).is_paused:
            raise AirflowSkipException(f"{self.trigger_dag_id} is paused; unpause it to have it started")
        if context["ti"].get_dr_count(dag_id=self.trigger_dag_id, states=UNFINISHED):
            raise AirflowSkipException(f"a run of {self.trigger_dag_id} is not finished; the next look decides again")
        self.trigger_run_id = f"watch__{found['digest'][:24]}"
        self.note = note(found["reasons"])
        super().execute(context)


def note(reasons: list[str]) -> str:
    """The reasons as Markdown, cut to what a note holds."""
    text = "\n".join(["Started by watch_conversations:", "", *(f"- {literal(reason)}" for reason in reasons)])
    return text if len(text) <= LONGEST_NOTE else text[: LONGEST_NOTE - 2] + " …"
