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


class Approval(Section):
    """Whose answer counts when a human is asked. What was approved by other rules is asked again."""

    approvers: list[str] = Field(
        default=[], description="Names of the Airflow users who may approve; empty: whoever may answer in Airflow"
    )
    own_runs: bool = Field(False, description="Whether the user who triggered a run may approve its data")
