"""How texts are repaired, scored and judged."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from configs.section import Section

PiiType = Literal["EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "IP", "SSN", "SECRET"]
LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


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

    languages: list[LanguageCode] = Field(
        ["en"], description="Codes to keep, as en or zh (ISO 639; fastText's 176 languages); empty keeps all"
    )
    min_language_confidence: float = Field(0.4, ge=0, le=1, description="Below it the language is unknown and kept")
    min_reply_chars: int = Field(
        1, ge=1, description='Shortest assistant turn (characters); 1 drops only empty ones, as "5" and "k" are replies'
    )
    min_chars: int = Field(5, ge=1, description="Shortest conversation (characters)")
    max_chars: int = Field(100_000, ge=100, description="Longest conversation (characters)")
    max_repetition: float = Field(0.5, gt=0, le=1, description="Largest share of repeated word 3-grams in a turn")
    max_offensive: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Largest offensiveness of any turn (0 to 1): 0.8 drops slurs and abuse, 0.5 also swearing",
    )

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
