"""What counts as a duplicate, what is compared besides the run's own rows, and how rows are split."""

from pydantic import Field, model_validator

from configs.section import Section

LEAST_RECALL = 0.95
"""Of the pairs exactly at the similarity threshold, the share that the bands must be expected to find."""


class Deduplicate(Section):
    """Exact and near duplicates, overlap with evaluation sets; splits by cluster, conversation, user and prompt."""

    jaccard: float = Field(0.8, ge=0.5, le=1, description="Smallest Jaccard similarity of a near duplicate (0.5 to 1)")
    side_jaccard: float = Field(
        0.4,
        ge=0,
        le=1,
        description="Smallest similarity of the prompts alone, of the replies alone, and of what was changed in each: "
        "another answer, or another question about the same passage, is not a duplicate (0 to 1)",
    )
    permutations: int = Field(96, ge=16, le=512, description="Hash functions of a MinHash signature")
    bands: int = Field(16, ge=1, le=256, description="Bands of the locality-sensitive hash; must divide permutations")
    neighbours: int = Field(
        64, ge=1, le=4096, description="Rows before it in its bucket that a row is compared with; bounds huge buckets"
    )
    earlier: list[str] = Field(
        default_factory=list,
        description="Corpora accepted earlier: a new row that duplicates one of their rows is dropped. Run ids under "
        "storage.root, folders of artifacts, or files and folders of conversations",
    )
    evaluation_sets: list[str] = Field(
        default_factory=list,
        description="Evaluation sets that no row may repeat: folders of artifacts, or files and folders of "
        "conversations in any shape that acquire reads",
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
