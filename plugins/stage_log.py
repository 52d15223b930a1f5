"""Where the lines of a stage's process go: the task log, the run's folder, and the task's live state."""

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from configs.credentials import masked
from pipeline.contract.progress import EVENT_PREFIX

SECONDS_BETWEEN_STATES = 1.0
LONGEST_STATE = 60_000
"""Bytes; Airflow stores up to 64 KB a key."""

logger = logging.getLogger(__name__)


class StageLog:
    """Takes a stage's lines, one by one.

    Text is passed to `show` (the task log) and appended to the file at `path`. Progress events become
    the value of `progress` in the task's state store, which the UI and the REST API show while the
    task runs; a finished stage becomes `stage:<name>`. `store` is the context's `task_state_store`,
    or None outside Airflow, where events are dropped.

    error: the last line that began with `error: `, without that, or "".
    """

    def __init__(self, path: Path, store: Any = None, show: Callable[[str], None] | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")
        self._store, self._show = store, show
        self._stored_at = 0.0
        self.error = ""

    def line(self, text: str) -> str | None:
        """Takes one line and returns it without credentials, or None for an event, which is not for readers."""
        text = masked(text.rstrip())
        if text.startswith(EVENT_PREFIX):
            self._event(text.removeprefix(EVENT_PREFIX))
            return None
        if text.startswith("error: "):
            self.error = text.removeprefix("error: ")
        self._file.write(text + "\n")
        self._file.flush()
        if self._show:
            self._show(text)
        return text

    def write(self, text: str) -> None:
        """So that `contextlib.redirect_stdout` can send a stage that runs in this process here."""
        for line in text.splitlines():
            self.line(line)

    def flush(self) -> None:
        self._file.flush()

    def _event(self, text: str) -> None:
        try:
            event = json.loads(text)
            kind = event.pop("event")
        except (ValueError, KeyError, AttributeError):
            return
        now = time.monotonic()
        if kind == "stage":
            self._set(f"stage:{event['name']}", event)
        elif kind == "progress" and now - self._stored_at >= SECONDS_BETWEEN_STATES:
            self._stored_at = now
            self._set("progress", event)

    def _set(self, key: str, value: dict[str, Any]) -> None:
        """Live state is a comfort: that it cannot be stored must not stop the stage."""
        if self._store is None or len(json.dumps(value)) > LONGEST_STATE:
            return
        try:
            self._store.set(key, value)
        except Exception as error:
            logger.warning("the task's live state could not be stored: %s", error)

    def __enter__(self) -> "StageLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
