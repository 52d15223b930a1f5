"""Ends a failed task's log with what was wrong, in one line."""

import logging
from typing import Any

logger = logging.getLogger(__name__)


def say_last(context: Any) -> None:
    """For on_failure_callback and on_retry_callback, which run after Airflow has logged the trace of what was raised.

    The line stands outside the fold that Airflow puts around what follows a task.
    """
    if error := context.get("exception"):
        logger.info("::endgroup::")
        logger.error("error: %s", " ".join(str(error).split()))
