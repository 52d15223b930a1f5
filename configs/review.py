"""Who decides whether the data may train a model, and the rows that they look at."""

from typing import Literal

from pydantic import Field

from configs.section import Section


class Sample(Section):
    """The rows that a reviewer is shown, drawn by the profile's seed. Other sizes ask nobody again."""

    finding: int = Field(5, ge=0, description="Rows shown of each finding of the audit, besides the finding's examples")
    group: int = Field(3, ge=0, description="Rows shown that mention each group")
    rule: int = Field(10, ge=0, description="Rows shown that each rule of clean and deduplicate dropped")
    near: int = Field(5, ge=0, description="Rows shown that were kept and come near the limit of each rule")
    kept: int = Field(30, ge=0, description="Rows shown of those that were kept")


class Review(Section):
    """The decision over the audit."""

    mode: Literal["automatic", "human"] = Field(
        "automatic", description="automatic lets the thresholds decide, human asks in Airflow"
    )
    max_severity: Literal["info", "warning", "critical"] = Field(
        "warning", description="Worst finding that the automatic review lets pass"
    )
    sample: Sample = Field(default_factory=Sample, description="The rows that a reviewer is shown")


class Approval(Section):
    """Whose answer counts when a human is asked. What was approved by other rules is asked again."""

    approvers: list[str] = Field(
        default=[],
        description="Names of the Airflow users who may approve, and whose marks count; empty: whoever may answer in "
        "Airflow",
    )
    own_runs: bool = Field(False, description="Whether the user who triggered a run may approve its data")
