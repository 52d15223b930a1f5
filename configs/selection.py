"""What of the corpus trains, chosen by meaning: settings of balance, and the query of tokenise."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from configs.section import Section

Similarity = Annotated[float, Field(gt=0, le=1)]
Split = Literal["train", "validation", "test"]


class SemanticDuplicates(Section):
    """SemDeDup (Abbas et al. 2023, arXiv 2303.09540): training rows that say the same in other words. Off without
    min_similarity. Rows are compared within clusters of their vectors, and one goes only when it also tells the same:
    the same numbers, signs, negations and names, and no thing in the place of another."""

    min_similarity: Similarity | None = Field(
        None,
        description="Smallest cosine similarity of a semantic duplicate; 0.9 is a good start; empty: none is sought",
    )
    clusters: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Clusters of k-means that rows are compared within; empty: the square root of half the rows, which "
        "costs least",
    )


class Decontamination(Section):
    """Training rows near an item that the model is measured by, in whatever words. Off without min_similarity. (What
    repeats an evaluation set word for word is dropped by deduplicate.)"""

    min_similarity: Similarity | None = Field(
        None,
        description="Cosine similarity to an evaluation item from which a training row is dropped; 0.9 is a good "
        "start; empty: none is",
    )
    against: tuple[Literal["validation", "test", "probes", "evaluation_sets"], ...] = Field(
        ("test", "probes", "evaluation_sets"),
        min_length=1,
        description="What rows are compared with: held-out splits, the probes that evaluate measures, and "
        "deduplicate.evaluation_sets",
    )


class Selection(Section):
    """A subset of the training rows, the last step before counterfactual copies. Off by default."""

    method: Literal["none", "nearest", "diverse"] = Field(
        "none",
        description="nearest keeps the rows nearest to the examples (k nearest neighbours, by cosine); diverse those "
        "that cover the corpus best (k-center greedy within clusters)",
    )
    examples: str | None = Field(
        None,
        description="Of nearest: a file of examples of the behaviour or domain that is wanted, JSON Lines of `text` "
        "or of `messages`, or CSV with a column `text`",
    )
    rows: int | None = Field(None, ge=1, description="Training rows that are kept; give this or tokens")
    tokens: int | None = Field(
        None, ge=1, description="Tokens of the training rows that are kept, as clean estimates them; give this or rows"
    )

    @model_validator(mode="after")
    def _complete(self) -> "Selection":
        if self.method == "none":
            return self
        if (self.rows is None) == (self.tokens is None):
            raise ValueError(f"method: {self.method} needs a size, either rows or tokens")
        if (self.method == "nearest") != (self.examples is not None):
            raise ValueError("examples: a file of them is needed by method: nearest, and by that alone")
        return self


class Range(Section):
    """Bounds of a score, both included."""

    min: float | None = Field(None, description="Smallest value")
    max: float | None = Field(None, description="Largest value")

    @model_validator(mode="after")
    def _holds_something(self) -> "Range":
        if self.min is None and self.max is None:
            raise ValueError("a range needs min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min ({self.min:g}) is above max ({self.max:g})")
        return self


class Nearest(Section):
    """The rows nearest to some texts by meaning. Off without texts. A counterfactual copy is as near as its
    parent."""

    texts: tuple[Annotated[str, Field(min_length=1, pattern=r"\S")], ...] = Field(
        (), description="Texts, the nearest of which counts; empty: nearness does not matter"
    )
    rows: int | None = Field(
        None, ge=1, description="Most rows of a split: the nearest of those that fulfil all other conditions"
    )
    min_similarity: Similarity | None = Field(None, description="Smallest cosine similarity to a text")

    @model_validator(mode="after")
    def _bounded(self) -> "Nearest":
        bounded = self.rows is not None or self.min_similarity is not None
        if bool(self.texts) != bounded:
            raise ValueError("texts, and with them rows or min_similarity (or both), must be given together")
        return self


class Select(Section):
    """The query by which a run trains from a part of the corpus: a row must fulfil all conditions. The corpus, its
    index and the other splits stay as they are."""

    sources: tuple[str, ...] | None = Field(None, description="Rows of these sources; empty: of all")
    topics: tuple[str, ...] | None = Field(None, description="Rows about these topics; empty: about anything")
    languages: tuple[str, ...] | None = Field(None, description="Rows in these languages, as en; empty: in any")
    augmentation: Literal["any", "none", "only"] = Field(
        "any", description="none: rows of people only; only: counterfactual and generated rows only"
    )
    scores: dict[str, Range] = Field(
        {},
        description="Column of the corpus to its bounds, as {offensive: {max: 0.1}, reply_chars: {min: 40}}; a row "
        "without the score does not fulfil it",
    )
    nearest: Nearest = Field(default_factory=Nearest, description="Nearness to texts")
    splits: tuple[Split, ...] = Field(
        ("train",),
        min_length=1,
        description="Splits that are filtered; the others are whole, so scores stay comparable",
    )

    @property
    def on(self) -> bool:
        """Whether there is any condition."""
        lists = (self.sources, self.topics, self.languages)
        given = any(value is not None for value in lists) or self.augmentation != "any" or self.scores
        return bool(given or self.nearest.texts)
