"""Tells people of a run by Airflow's notifiers: which connections, of what, is the profile's `notify`.

A message holds ids, names and findings, never a row's text. That it cannot be delivered is logged and stops nothing.
Notifiers are asked to notify and not called: a call renders their texts as templates, and a text here is data.
"""

import html
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow.configuration import conf
from airflow.sdk import BaseHook, BaseNotifier
from airflow.sdk.exceptions import AirflowNotFoundException

from configs.credentials import masked
from configs.errors import UserError
from configs.guard import triggered_profile
from configs.load import load_profile
from configs.notify import Event, Notify, Told
from pipeline.contract.run import Run
from pipeline.contract.run_folder import folder_of
from pipeline.contract.stages import STAGES
from plugins.project import root, run_name

logger = logging.getLogger(__name__)

SECONDS = 15
"""That a receiver of a webhook may take."""


def tell(notify: Notify, context: Mapping[str, Any], event: Event, subject: str, lines: Sequence[str]) -> int:
    """Sends subject and lines to all that are told of the event; returns to how many it went."""
    sent = 0
    for told in notify.by:
        if event not in told.of:
            continue
        try:
            message = [*map(masked, lines), *_where(context)]
            _notifier(told, event, f"Parlance: {subject}", message, context).notify(context)  # type: ignore[arg-type]
            sent += 1
        except Exception as error:
            why = masked(f"{type(error).__name__}: {' '.join(str(error).split())}")
            logger.warning("notify: %s could not tell of %s: %s", told.connection, event, why)
    return sent


def tell_failure(context: Any) -> None:
    """For on_failure_callback: which task of which run failed, and why."""
    error = " ".join(str(context.get("exception") or "see the task's log").split())
    task = getattr(context.get("ti"), "task_id", "a task")
    notify = notify_of(context)
    tell(notify, context, "failure", f"{task} failed in {_name(context)}", [f"error: {error}"])


def tell_promotion(context: Any) -> None:
    """For on_success_callback: what the gate decided about a new model; nothing of one that was decided before."""
    run = run_in(context)
    outcome = run.outcomes().get("promote") if run else None
    if run is None or outcome is None or outcome["cached"]:
        return
    promotion = run.artifact("promote").metrics
    model = f"{promotion['name']} version {promotion['version']}"
    words = {"promoted": f"{model} is the new champion", "kept_champion": f"{model} is not better, the champion stays"}
    subject = words.get(promotion["decision"], f"{model}: {promotion['decision'].replace('_', ' ')}")
    tell(run.profile.notify, context, "promotion", subject, [promotion["reason"]])


CALLBACKS: dict[str, list[Any]] = {STAGES["promote"].task: [tell_promotion]}
"""Task to what is called when it has succeeded."""


def notify_of(context: Mapping[str, Any]) -> Notify:
    """The run's own settings; before it has any, those of the profile that it was triggered with; else none."""
    if run := run_in(context):
        return run.profile.notify
    params = context.get("params") or {}
    try:
        if "profile" in params:
            return triggered_profile(params["profile"], None, [], []).notify
        return load_profile(os.environ.get("PARLANCE_RETRAIN_PROFILE", "demo")).notify
    except UserError:
        return Notify()


def run_in(context: Mapping[str, Any]) -> Run | None:
    """The run that a DAG run has begun."""
    folder = getattr(context.get("task"), "run_folder", None)
    if folder and "{" not in folder and (root() / folder / "profile.json").is_file():
        return Run(root() / folder)
    dag_run = context.get("dag_run")
    found: Path | None = dag_run and folder_of(root() / "runs", run_name(dag_run.dag_id, dag_run.run_id))
    return Run(found) if found and (found / "profile.json").is_file() else None


def _notifier(told: Told, event: Event, subject: str, lines: list[str], context: Mapping[str, Any]) -> BaseNotifier:
    """The notifier of a connection's type. Raises ValueError for a type that none is known for."""
    try:
        kind = BaseHook.get_connection(told.connection).conn_type
    except AirflowNotFoundException:
        raise ValueError("there is no such connection; add it under Admin, Connections") from None
    text = "\n".join([subject, *lines])
    if kind == "smtp":
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        if not told.to:
            raise ValueError("notify.by: give the addresses under `to`")
        body = "".join(f"<p>{html.escape(line)}</p>" for line in [subject, *lines])
        line = " ".join(subject.split())
        return SmtpNotifier(to=list(told.to), subject=line, html_content=body, smtp_conn_id=told.connection)
    if kind == "slackwebhook":
        from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

        shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return SlackWebhookNotifier(slack_webhook_conn_id=told.connection, text=shown, timeout=SECONDS)
    if kind == "http":
        from airflow.providers.http.notifications.http import HttpNotifier

        dag_run = context.get("dag_run")
        about = {"dag_id": dag_run.dag_id, "run_id": dag_run.run_id} if dag_run else {}
        message = {"event": event, "subject": subject, "lines": lines, "text": text, **about}
        settings: dict[str, Any] = {"extra_options": {"timeout": SECONDS}}
        return HttpNotifier(http_conn_id=told.connection, endpoint=told.endpoint, json=message, **settings)
    raise ValueError(f"connections of type {kind} tell nobody; use smtp, slackwebhook or http")


def _where(context: Mapping[str, Any]) -> list[str]:
    """The address of the run's page, when Airflow knows its own."""
    base, dag_run = conf.get("api", "base_url", fallback="") or "", context.get("dag_run")
    if not base or not dag_run:
        return []
    return [f"{base.rstrip('/')}/dags/{quote(dag_run.dag_id, safe='')}/runs/{quote(dag_run.run_id, safe='')}"]


def _name(context: Mapping[str, Any]) -> str:
    dag_run = context.get("dag_run")
    return f"{dag_run.dag_id}, run {dag_run.run_id}" if dag_run else "a run"
