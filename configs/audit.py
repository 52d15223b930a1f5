"""What the bias audit looks for."""

from pydantic import Field, model_validator

from configs.section import Section


class Audit(Section):
    """Topics, demographic mentions, sentiment; and what makes a finding."""

    topics: dict[str, str] = Field(
        description="Topic name to a phrase that describes it; conversations go to the nearest",
        min_length=1,
    )
    min_similarity: float = Field(0.15, ge=-1, le=1, description="Below this cosine similarity the topic is other")


class Findings(Section):
    """Thresholds over the audit's distributions."""

    max_topic_share: float = Field(0.5, gt=0, le=1, description="A topic above this share is over-represented")
    min_topic_share: float = Field(0.005, ge=0, lt=1, description="A topic below this share is under-represented")
    max_group_ratio: float = Field(3.0, ge=1, description="Most mentioned over least mentioned group of one attribute")
    max_sentiment_gap: float = Field(
        0.2, gt=0, le=2, description="Largest difference of mean sentiment (-1 to 1) between two groups"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Findings":
        if self.min_topic_share >= self.max_topic_share:
            raise ValueError(
                f"min_topic_share ({self.min_topic_share}) must be below max_topic_share ({self.max_topic_share})"
            )
        return self
