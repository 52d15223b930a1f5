"""Begins a run: checks everything that can be checked before anything starts."""

import os
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from configs.addresses import is_address
from configs.allowed_paths import check_paths
from configs.credentials import masked
from configs.errors import UserError
from configs.guard import triggered_profile
from configs.profile import Profile
from pipeline.contract.run import Run
from pipeline.planning.preflight import check
from pipeline.planning.run_plan import plan_run
from plugins.project import PROJECT, root, run_name
from plugins.store_connection import use_store_connection
from plugins.trigger_form import overrides_of


class ConfigureOperator(BaseOperator):
    """Turns the DAG run's params into a run's folder, which it returns: relative to plugins.project.root() where it
    lies under that, so that a project may be moved; in an object store, its address.

    Raises AirflowFailException, one line, for a setting that is wrong and for what this machine lacks.
    """

    ui_color = "#f3e8fd"

    def execute(self, context: Context) -> str:
        try:
            use_store_connection()
            profile = resolve(context["params"])
            check(profile)
            run = Run.begin(profile, run_name(context["dag_run"].dag_id, context["run_id"]))
        except UserError as error:
            raise AirflowFailException(masked(str(error))) from None
        self.log.info("run %s: folder %s", run.id, run.folder)
        for line in plan_run(run).lines():
            self.log.info("%s", masked(line))
        return str(run.folder.relative_to(root())) if run.folder.is_relative_to(root()) else run.place


def resolve(params: Mapping[str, Any]) -> Profile:
    """The profile that params of the trigger form describe. Raises UserError, also for what a trigger may not set.

    Its paths lie under $PARLANCE_ALLOWED_PATHS, where that is set. Artifacts go to $PARLANCE_ROOT when it is set; a
    relative storage.root is under the project's folder, wherever the worker was started.
    """
    values = dict(params)
    root = os.environ.get("PARLANCE_ROOT")
    operators = [f"storage.root={root}"] if root else []
    profile = triggered_profile(values["profile"], values.get("data") or None, overrides_of(values), operators)
    given = profile.storage.root
    absolute = given if is_address(given) else str((PROJECT / given).resolve())
    profile = profile.model_copy(update={"storage": profile.storage.model_copy(update={"root": absolute})})
    check_paths(profile)
    return profile
