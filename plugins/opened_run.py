"""The run that a task belongs to."""

import os

from airflow.sdk.exceptions import AirflowFailException

from configs.allowed_paths import check_paths
from configs.credentials import masked
from configs.errors import UserError
from pipeline.contract.run import Run
from plugins.project import root


def open_run(folder: str) -> Run:
    """The run that the task configure began. Raises AirflowFailException when there is none.

    The folder comes as an XCom, which a user of Airflow may rewrite: where $PARLANCE_ROOT says where runs are, it is
    one of those. Its profile's paths are looked at again: links may have changed since it was configured.
    """
    path = root() / folder  # an absolute one stays what it is
    if os.environ.get("PARLANCE_ROOT") and path.resolve().parent != root() / "runs":
        raise AirflowFailException(
            "the run's folder is not one of this server's; clear the task configure, which makes it"
        )
    if not (path / "profile.json").is_file():
        raise AirflowFailException(f"{folder}: not a run's folder; clear the task configure, which makes it")
    run = Run(path)
    try:
        check_paths(run.profile)
    except UserError as error:
        raise AirflowFailException(masked(str(error))) from None
    return run
