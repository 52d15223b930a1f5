"""What the bias audit looks for."""

import re
from typing import Any

from pydantic import Field, field_validator, model_validator

from configs.section import Section
from configs.word_list import WordList

OTHER_TOPIC = "other"
"""The topic of conversations that are near to none of audit.topics."""


class Emotion(Section):
    """The model of emotions and sentiment: the one that is shipped, for English, or one trained on your own labels."""

    training_data: str | None = Field(
        None,
        description="File or folder of labelled texts (CSV, TSV, JSON Lines, also gzipped; columns text and label) to "
        "train on; empty takes the model that is shipped",
    )


def phrases_of(described: str | tuple[str, ...]) -> tuple[str, ...]:
    """What describes a topic, be it one phrase or several."""
    return (described,) if isinstance(described, str) else described


class Audit(Section):
    """Topics, demographic mentions, sentiment; and what makes a finding."""

    topics: dict[str, str | tuple[str, ...]] = Field(
        description="Topic name to a phrase that describes it, or to several; conversations go to the nearest",
        min_length=1,
    )
    min_similarity: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="Below this cosine similarity the topic is other; empty: calibrated on the corpus",
    )
    topic_examples: str | None = Field(
        None, description="CSV or JSON Lines of text and topic, a handful a topic or more, to learn the topics from"
    )
    max_clusters: int = Field(32, ge=0, le=200, description="Most topics that are discovered; 0: none is")
    emotion: Emotion = Field(default_factory=Emotion, description="Emotions and sentiment")

    lexicon: dict[str, str | WordList] = Field(
        {},
        description="Language (ISO 639-1) to the words of its groups: a file, or the list itself (docs/audit.md). "
        "It takes the place of the list that comes with the project",
    )

    @field_validator("lexicon", mode="before")
    @classmethod
    def _lists(cls, lexicon: Any) -> Any:
        """So that what is wrong in a list is told of the list, and not that it is no file's name either."""
        if not isinstance(lexicon, dict):
            return lexicon
        for language in lexicon:
            if not re.fullmatch(r"[a-z]{2,3}", str(language)):
                raise ValueError(f"{language!r} is no language; write its code of two letters, as de")
        return {code: WordList.model_validate(v) if isinstance(v, dict) else v for code, v in lexicon.items()}

    @model_validator(mode="after")
    def _usable_names(self) -> "Audit":
        if OTHER_TOPIC in self.topics:
            raise ValueError(
                f"topics: the name {OTHER_TOPIC} is taken by conversations that are near to no topic; rename it"
            )
        empty = [
            name
            for name in self.topics
            if not name.strip() or not self.phrases(name) or not all(phrase.strip() for phrase in self.phrases(name))
        ]
        if empty:
            raise ValueError(f"topics: {empty[0]!r} needs a name and a phrase that describes it")
        if self.min_similarity is not None and self.topic_examples is not None:
            raise ValueError("min_similarity: topic_examples set the bar to other, too; set one of the two")
        return self

    def phrases(self, topic: str) -> tuple[str, ...]:
        """What describes a topic."""
        return phrases_of(self.topics[topic])


class Findings(Section):
    """Thresholds over the audit's distributions."""

    max_topic_share: float = Field(0.5, gt=0, le=1, description="A topic above this share is over-represented")
    min_topic_share: float = Field(0.005, ge=0, lt=1, description="A topic below this share is under-represented")
    min_effect: float = Field(
        0.2,
        gt=0,
        description="Smallest effect that is a finding, in standard deviations (Cohen's d, of shares h; 0.2 is small)",
    )
    critical_effect: float = Field(
        0.8,
        gt=0,
        description="Effect to a group's disadvantage that is critical when its 95% interval lies beyond (0.8: large)",
    )
    false_discovery_rate: float = Field(
        0.05, gt=0, lt=1, description="Share of findings on groups that may be chance (Benjamini-Hochberg)"
    )
    reference: dict[str, dict[str, float]] = Field(
        default={},
        description="Attribute to {group: share}, of a population for example, that mentions are held against",
    )
    reference_audit: str | None = Field(
        None,
        description="audit.json of another corpus: the reference of attributes that are not in reference",
    )
    max_topic_lift: float = Field(
        3.0, gt=1, description="Largest ratio of a topic's share among a group's mentions to its share of all rows"
    )
    max_source_share: float = Field(0.9, gt=0, le=1, description="A source above this share dominates")
    max_length_share: float = Field(
        0.65,
        ge=0.5,
        le=1,
        description="Share of a source's preference pairs whose chosen reply is the longer (or shorter)",
    )
    min_group_rows: int = Field(
        30, ge=2, description="Groups mentioned in fewer rows, and sources of fewer pairs, are not compared (rows)"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Findings":
        if self.min_topic_share >= self.max_topic_share:
            raise ValueError(
                f"min_topic_share ({self.min_topic_share}) must be below max_topic_share ({self.max_topic_share})"
            )
        if self.critical_effect < self.min_effect:
            raise ValueError(
                f"critical_effect ({self.critical_effect}) must not be below min_effect ({self.min_effect})"
            )
        for attribute, shares in self.reference.items():
            if min(shares.values(), default=0) <= 0 or sum(shares.values()) > 1.001:
                raise ValueError(f"reference: the shares of {attribute} must be above 0 and add up to 1 at most")
        return self
