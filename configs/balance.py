"""How the audit's findings change the corpus."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from configs.section import Section
from configs.selection import Decontamination, Selection, SemanticDuplicates
from configs.word_list import ATTRIBUTES

Attribute = Literal["gender", "religion", "ethnicity", "nationality", "age"]
"""What of a person a counterfactual copy may change."""


Feeling = Literal["anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"]


def _known(group: str) -> str:
    attribute, _, name = group.partition(":")
    if name not in ATTRIBUTES.get(attribute, ()):
        one = "age:old, religion:muslim or gender:female"
        raise ValueError(f"{group!r} is no group; it must be attribute:group as the audit names them, such as {one}")
    return group


Group = Annotated[str, AfterValidator(_known)]
"""`attribute:group`, as the audit's mentions."""


class Cap(Section):
    """A limit on the training rows that fulfil all of its conditions; without a condition it says nothing."""

    group: Group | None = Field(
        None, description="Rows that mention this group, `attribute:group` as the audit names it"
    )
    emotion: Feeling | None = Field(None, description="Rows whose most probable emotion is this one")
    topic: str | None = Field(None, description="Rows about this topic")
    within: Literal["all", "group", "topic"] = Field(
        "all", description="What the share is of: all training rows, or those of the cap's group or topic"
    )
    max_share: float = Field(gt=0, lt=1, description="Rows above this share are downsampled to it")

    @model_validator(mode="after")
    def _says_something(self) -> "Cap":
        conditions = {name: value for name in ("group", "emotion", "topic") if (value := getattr(self, name))}
        if not conditions:
            raise ValueError("a cap needs a group, an emotion or a topic")
        if self.within != "all" and not (self.within in conditions and len(conditions) > 1):
            raise ValueError(f"within: {self.within} needs a {self.within} and a further condition")
        return self


class Generator(Section):
    """A model that writes rows for topics and groups that the corpus has too little of. Off without a model."""

    model: str = Field(
        "",
        description="champion, pretrained weights as model.pretrained names them (a folder, hub name, .gguf or "
        "package:NAME), or the http address of a server that speaks OpenAI's chat completions; empty: none is written",
    )
    served_model: str = Field("", description="Name of the model on the server; its key is read from the environment")
    min_topic_share: float = Field(
        0.0, ge=0, lt=0.5, description="Topics with fewer of the training rows are filled up to this share"
    )
    groups: dict[Group, Annotated[float, Field(gt=0, lt=0.5)]] = Field(
        {}, description="Group (`attribute:group`) to the share of the training rows that it is filled up to"
    )
    max_rows: int = Field(200, ge=1, description="Most rows that are added")
    attempts: float = Field(3.0, ge=1, description="Texts asked for, at most, for each row that is wanted")
    examples: int = Field(4, ge=1, le=16, description="Rows of the topic or group that a text is asked for with")
    max_tokens: int = Field(200, ge=16, description="Most tokens of a text; one that is cut off is dropped")
    temperature: float = Field(0.8, gt=0, le=2, description="Of sampling")

    @model_validator(mode="after")
    def _can_be_asked(self) -> "Generator":
        if self.served and not self.served_model:
            raise ValueError(f"served_model: name the model that {self.model} is to use")
        return self

    @property
    def served(self) -> bool:
        """Whether the model is reached over HTTP."""
        return self.model.startswith(("http://", "https://"))


class Balance(Section):
    """Selection, downsampling and augmentation. Only the training split is changed."""

    decontamination: Decontamination = Field(
        default_factory=Decontamination, description="Rows near to what the model is measured by"
    )
    semantic_duplicates: SemanticDuplicates = Field(
        default_factory=SemanticDuplicates, description="Rows that say the same in other words"
    )
    max_topic_share: float = Field(0.5, gt=0, le=1, description="Topics above this share are downsampled to it")
    caps: list[Cap] = Field(
        [], description="Limits on groups, emotions and topics, and on their meetings, such as anger within a group"
    )
    selection: Selection = Field(default_factory=Selection, description="A part of the rows, chosen by meaning")
    generator: Generator = Field(default_factory=Generator, description="Synthetic rows, marked as such")
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
