"""When a new model replaces the old one, and where models are tracked."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import Field

from configs.section import Section

Require = Literal["gain", "no_loss", "ignore"]


class LegRule(Section):
    """What is asked of a leg, by its name or a pattern of names; what is left empty stays as it is by default."""

    require: Require | None = Field(
        None, description="gain: must be significant; no_loss: none may be; ignore: is shown only"
    )
    tolerance: float | None = Field(
        None, ge=0, description="Loss that is let pass however certain it is, or least gain; 0.01 is 1% or one point"
    )


LEGS = {
    "loss": LegRule(require="gain", tolerance=0.0),
    "rouge_l": LegRule(require="no_loss", tolerance=0.005),
    "reply_length": LegRule(require="no_loss", tolerance=0.5),
    "empty_replies": LegRule(require="no_loss", tolerance=0.01),
    "looping_replies": LegRule(require="no_loss", tolerance=0.01),
    "probe:*": LegRule(require="no_loss", tolerance=0.01),
    "source:*": LegRule(require="no_loss", tolerance=0.005),
    "topic:*": LegRule(require="no_loss", tolerance=0.005),
}
"""Every kind of leg, and what is asked of it unless the profile says otherwise."""

AGAINST_BASE = {"reply_length": LegRule(require="ignore")}
"""Of a first model, whose rival is its base: to answer at the length of its conversations is what it is trained for."""


class Promote(Section):
    """Challenger against champion."""

    model_name: str = Field("parlance-chat", pattern=r"^[A-Za-z0-9_.-]+$", description="Name in the registry")
    min_improvement: float = Field(0.0, ge=0, lt=1, description="Least relative drop of test loss")
    confidence: float = Field(
        0.95,
        gt=0.5,
        lt=1,
        description="Confidence of a gain (paired bootstrap), and that no leg is called lost by chance (Holm)",
    )
    legs: dict[str, LegRule] = Field(
        {}, description="What is asked of a leg, by its name or a pattern such as probe:* ([evaluation](evaluation.md))"
    )
    min_items: int = Field(
        30, ge=1, description="Fewest items (conversations, replies, questions) over which a leg but loss is compared"
    )
    max_perplexity_over_unigram: float = Field(
        1.0,
        gt=0,
        description="A first model without a base must be below this multiple of the unigram baseline",
    )
    max_broken_replies: float = Field(
        0.5, ge=0, le=1, description="Largest share of replies of a first model that are empty or repeat themselves"
    )

    def rule(self, leg: str, against_base: bool = False) -> tuple[Require, float]:
        """(what is required of a leg, its tolerance): the profile's word for its name, then for the first pattern that
        fits, then the default."""
        said = [self.legs[leg]] if leg in self.legs else []
        said += [rule for pattern, rule in self.legs.items() if fnmatchcase(leg, pattern)]
        said += [AGAINST_BASE[leg]] if against_base and leg in AGAINST_BASE else []
        said += [LegRule(tolerance=self.min_improvement)] if leg == "loss" else []
        said += [rule for pattern, rule in LEGS.items() if fnmatchcase(leg, pattern)]
        require = next(rule.require for rule in said if rule.require is not None)
        tolerance = next(rule.tolerance for rule in said if rule.tolerance is not None)
        return require, tolerance


class Tracking(Section):
    """MLflow."""

    uri: str | None = Field(None, description="Tracking and registry address; empty is SQLite under storage.root")
    experiment: str = Field("parlance", description="MLflow experiment")

    def address(self, root: Path) -> str:
        """The configured address, or that of SQLite under the root."""
        return self.uri or f"sqlite:///{root.resolve() / 'mlflow.db'}"
