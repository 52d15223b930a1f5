"""The run that a task belongs to."""

import os
from pathlib import Path

from airflow.sdk.exceptions import AirflowFailException

from configs.addresses import is_address
from configs.allowed_paths import check_path, check_paths
from configs.credentials import masked
from configs.errors import UserError
from pipeline.contract.mirror import Mirror, root_folder
from pipeline.contract.run import Run
from plugins.project import root
from plugins.store_connection import use_store_connection


def open_run(folder: str) -> Run:
    """The run that the task configure began. Raises AirflowFailException when there is none.

    The folder comes as an XCom, which a user of Airflow may rewrite: where $PARLANCE_ROOT says where runs are, it is
    one of those. Its profile's paths are looked at again: links may have changed since it was configured.
    """
    try:
        use_store_connection()
        path = _path(folder)
        if os.environ.get("PARLANCE_ROOT") and path.resolve().parent != root() / "runs":
            raise AirflowFailException(
                "the run's folder is not one of this server's; clear the task configure, which makes it"
            )
        if Mirror.of(path.parent.parent):  # as it is in the object store now
            path = Run.open(path.parent.parent, path.name).folder
        if not (path / "profile.json").is_file():
            raise AirflowFailException(f"{folder}: not a run's folder; clear the task configure, which makes it")
        run = Run(path)
        check_paths(run.profile)
    except UserError as error:
        raise AirflowFailException(masked(str(error))) from None
    return run


def _path(folder: str) -> Path:
    """The run's folder on this machine."""
    if not is_address(folder):
        return root() / folder  # an absolute one stays what it is
    address, _, name = folder.rpartition("/runs/")
    check_path("storage.root", address)
    return root_folder(address) / "runs" / name
