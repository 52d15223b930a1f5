"""Who decides whether the data may train a model."""

from typing import Literal

from pydantic import Field

from configs.section import Section


class Review(Section):
    """The decision over the audit."""

    mode: Literal["automatic", "human"] = Field(
        "automatic", description="automatic lets the thresholds decide, human asks in Airflow"
    )
    max_severity: Literal["info", "warning", "critical"] = Field(
        "warning", description="Worst finding that the automatic review lets pass"
    )
