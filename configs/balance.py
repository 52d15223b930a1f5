"""How the audit's findings change the corpus."""

from typing import Literal

from pydantic import Field

from configs.section import Section

Attribute = Literal["gender", "religion", "ethnicity", "nationality", "age"]
"""What of a person a counterfactual copy may change."""


class Balance(Section):
    """Downsampling and augmentation. Only the training split is changed."""

    max_topic_share: float = Field(0.5, gt=0, le=1, description="Topics above this share are downsampled to it")
    counterfactual_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of the training rows that are looked at for counterfactual copies; one is made where a swap "
        "stays true and readable",
    )
    counterfactual_attributes: list[Attribute] = Field(
        ["gender", "religion", "ethnicity", "nationality", "age"],
        description="What of the people in a row its copies change, one in each; English only",
    )
