"""The credentials of an object store from an Airflow connection, for this process and those that it starts.

They go where each store's package looks for them, the environment of the task, and nowhere else.
"""

import os

from airflow.exceptions import AirflowException
from airflow.sdk import BaseHook, Connection

from configs.errors import UserError

VARIABLE = "PARLANCE_STORE_CONNECTION"
"""Environment variable of Airflow's workers: the id of the connection."""

AWS = {
    "aws_session_token": "AWS_SESSION_TOKEN",
    "region_name": "AWS_DEFAULT_REGION",
    "endpoint_url": "AWS_ENDPOINT_URL",
}
AZURE = {
    "connection_string": "AZURE_STORAGE_CONNECTION_STRING",
    "sas_token": "AZURE_STORAGE_SAS_TOKEN",
    "tenant_id": "AZURE_STORAGE_TENANT_ID",
}


def use_store_connection() -> None:
    """Does nothing without $PARLANCE_STORE_CONNECTION. Raises UserError for a connection that is missing or of another
    type than aws, google_cloud_platform or wasb."""
    name = os.environ.get(VARIABLE)
    if name:
        os.environ.update(variables(_connection(name)))


def variables(connection: Connection) -> dict[str, str]:
    """What a connection says, by the names of the environment."""
    extra, kind = connection.extra_dejson, connection.conn_type
    if kind == "aws":
        login = {"AWS_ACCESS_KEY_ID": connection.login, "AWS_SECRET_ACCESS_KEY": connection.password}
        found = login | {name: extra.get(key) for key, name in AWS.items()}
    elif kind == "google_cloud_platform":
        found = {"GOOGLE_APPLICATION_CREDENTIALS": extra.get("key_path")}
    elif kind == "wasb":
        login = {"AZURE_STORAGE_ACCOUNT_NAME": connection.login, "AZURE_STORAGE_ACCOUNT_KEY": connection.password}
        found = login | {name: extra.get(key) for key, name in AZURE.items()}
    else:
        raise UserError(f"{VARIABLE}: connection {connection.conn_id} is of type {kind}; give one of type aws, "
                        "google_cloud_platform (with key_path) or wasb")  # fmt: skip
    return {name: str(value) for name, value in found.items() if value}


def _connection(name: str) -> Connection:
    try:
        return BaseHook.get_connection(name)
    except AirflowException:
        raise UserError(f"{VARIABLE}: there is no connection {name}; add it under Admin, Connections") from None
