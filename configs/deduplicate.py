"""What counts as a duplicate, and how rows are split."""

from pydantic import Field, model_validator

from configs.section import Section

LEAST_RECALL = 0.95
"""Of the pairs exactly at the similarity threshold, the share that the bands must be expected to find."""


class Deduplicate(Section):
    """Exact and near duplicates; splits by cluster, conversation and user; overlap with the held-out splits."""

    jaccard: float = Field(0.8, ge=0.5, le=1, description="Smallest Jaccard similarity of a near duplicate (0.5 to 1)")
    reply_jaccard: float = Field(
        0.5, ge=0, le=1, description="Smallest similarity of the replies alone: another answer is not a duplicate"
    )
    permutations: int = Field(96, ge=16, le=512, description="Hash functions of a MinHash signature")
    bands: int = Field(16, ge=1, le=256, description="Bands of the locality-sensitive hash; must divide permutations")
    neighbours: int = Field(
        64, ge=1, le=4096, description="Rows before it in its bucket that a row is compared with; bounds huge buckets"
    )
    validation_share: float = Field(0.05, gt=0, lt=0.5, description="Share of conversations held out for validation")
    test_share: float = Field(0.05, gt=0, lt=0.5, description="Share of conversations held out for the final test")
    overlap_words: int = Field(
        13, ge=1, description="Shortest exchange (words of prompt and reply) whose repetition in train is an overlap"
    )

    @model_validator(mode="after")
    def _bands_find_duplicates(self) -> "Deduplicate":
        if self.permutations % self.bands:
            raise ValueError(f"bands ({self.bands}) must divide permutations ({self.permutations})")
        if self.expected_recall() < LEAST_RECALL:
            raise ValueError(
                f"{self.bands} bands of {self.permutations // self.bands} hashes find only "
                f"{self.expected_recall():.0%} of the pairs at jaccard {self.jaccard}; take more bands"
            )
        return self

    def expected_recall(self) -> float:
        """Share of pairs at the threshold that share a band: 1 - (1 - s^r)^b (Leskovec et al., MMDS, 3.4.2)."""
        return 1 - (1 - self.jaccard ** (self.permutations // self.bands)) ** self.bands
