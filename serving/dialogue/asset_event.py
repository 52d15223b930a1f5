"""Tells Airflow that conversations have arrived, so that retrain_chat_model starts."""

import os
from typing import Any

import httpx

from configs.errors import UserError

ASSET = "parlance://conversations"
"""The uri of the asset that dags/retrain_chat_model.py is scheduled on; Airflow ends it with a slash."""
TIMEOUT_SECONDS = 30


def tell_airflow(address: str, extra: dict[str, Any]) -> None:
    """Creates an event of the asset. Raises UserError when Airflow cannot be told."""
    login = {"username": os.environ.get("AIRFLOW_USERNAME", ""), "password": os.environ.get("AIRFLOW_PASSWORD", "")}
    if not all(login.values()):
        raise UserError("serving.dialogue.airflow: set AIRFLOW_USERNAME and AIRFLOW_PASSWORD for it")
    try:
        with httpx.Client(base_url=address.rstrip("/"), timeout=TIMEOUT_SECONDS) as client:
            token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            found = client.get("/api/v2/assets", params={"uri_pattern": ASSET}).raise_for_status().json()["assets"]
            asset = next((a["id"] for a in found if a["uri"].rstrip("/") == ASSET), None)
            if asset is None:
                raise UserError(
                    f"serving.dialogue.airflow: {address} has no asset {ASSET}; its DAG retrain_chat_model declares it"
                )
            client.post("/api/v2/assets/events", json={"asset_id": asset, "extra": extra}).raise_for_status()
    except httpx.HTTPError as error:
        raise UserError(
            f"serving.dialogue.airflow: {address} could not be told of new conversations ({error}); "
            "check the address and the login"
        ) from None
