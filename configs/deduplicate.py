"""What counts as a duplicate, and how rows are split."""

from pydantic import Field, model_validator

from configs.section import Section


class Deduplicate(Section):
    """Exact and near duplicates; splits by cluster."""

    jaccard: float = Field(0.8, ge=0.5, le=1, description="Smallest Jaccard similarity of a near duplicate (0.5 to 1)")
    permutations: int = Field(128, ge=16, le=512, description="Hash functions of a MinHash signature")
    bands: int = Field(32, ge=1, le=256, description="Bands of the locality-sensitive hash; must divide permutations")
    validation_share: float = Field(0.05, gt=0, lt=0.5, description="Share of conversations held out for validation")
    test_share: float = Field(0.05, gt=0, lt=0.5, description="Share of conversations held out for the final test")

    @model_validator(mode="after")
    def _bands_divide(self) -> "Deduplicate":
        if self.permutations % self.bands:
            raise ValueError(f"bands ({self.bands}) must divide permutations ({self.permutations})")
        return self
