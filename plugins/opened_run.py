"""The run that a task belongs to."""

import os

from airflow.sdk.exceptions import AirflowFailException

from pipeline.contract.run import Run
from plugins.project import root


def open_run(folder: str) -> Run:
    """The run that the task configure began. Raises AirflowFailException when there is none.

    The folder comes as an XCom, which a user of Airflow may rewrite: where $PARLANCE_ROOT says where runs are, it is
    one of those.
    """
    path = root() / folder  # an absolute one stays what it is
    if os.environ.get("PARLANCE_ROOT") and path.resolve().parent != root() / "runs":
        raise AirflowFailException(
            "the run's folder is not one of this server's; clear the task configure, which makes it"
        )
    if not (path / "profile.json").is_file():
        raise AirflowFailException(f"{folder}: not a run's folder; clear the task configure, which makes it")
    return Run(path)
