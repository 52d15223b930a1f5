"""How the audit's findings change the corpus."""

from pydantic import Field

from configs.section import Section


class Balance(Section):
    """Downsampling and augmentation. Only the training split is changed."""

    max_topic_share: float = Field(0.5, gt=0, le=1, description="Topics above this share are downsampled to it")
    counterfactual_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of the training rows with gendered words that get a gender-swapped copy, where a swap fits",
    )
