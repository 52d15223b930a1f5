"""How texts are repaired, scored and judged."""

from typing import Literal

from pydantic import Field, model_validator

from configs.section import Section

PiiType = Literal["EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "IP", "SSN", "SECRET"]


class Text(Section):
    """Repair and standardisation of one text."""

    strip_html: bool = Field(True, description="Remove HTML markup, keep code blocks")
    emoji: Literal["keep", "drop", "name"] = Field("keep", description="Keep emoji, drop them, or write their names")
    urls: Literal["keep", "placeholder", "drop"] = Field("keep", description="What to do with web addresses")
    lowercase: bool = Field(False, description="Lower-case every text")


class Pii(Section):
    """Personal data."""

    types: list[PiiType] = Field(
        default=["EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "IP", "SSN", "SECRET"],
        description="Types that are replaced by placeholders such as <EMAIL_1>",
    )


class Rules(Section):
    """What decides, from the scores, whether a conversation stays."""

    languages: list[str] = Field(["en"], description="ISO 639-1 codes to keep; empty keeps all")
    min_language_confidence: float = Field(0.4, ge=0, le=1, description="Below it the language is unknown and kept")
    min_reply_chars: int = Field(2, ge=1, description="Shortest assistant turn (characters)")
    min_chars: int = Field(10, ge=1, description="Shortest conversation (characters)")
    max_chars: int = Field(100_000, ge=100, description="Longest conversation (characters)")
    max_repetition: float = Field(0.5, gt=0, le=1, description="Largest share of repeated word 3-grams in a turn")
    max_offensive: float = Field(0.9, ge=0, le=1, description="Largest offensiveness score of any turn (0 to 1)")

    @model_validator(mode="after")
    def _ordered(self) -> "Rules":
        if self.min_chars >= self.max_chars:
            raise ValueError(f"min_chars ({self.min_chars}) must be below max_chars ({self.max_chars})")
        return self


class Clean(Section):
    """Repair, scores and rules. Changing a rule does not score again."""

    text: Text = Field(default_factory=Text, description="Repair and standardisation")
    pii: Pii = Field(default_factory=Pii, description="Personal data")
    rules: Rules = Field(default_factory=Rules, description="Rules over the scores")
