"""How texts are repaired, scored and judged."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from configs.section import Section

RoleFault = Literal["assistant_first", "same_role_twice", "system_later", "no_user", "unanswered"]
PiiType = Literal["EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "IP", "SSN", "SECRET"]
LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


class Text(Section):
    """Repair and standardisation of one text."""

    strip_html: bool = Field(True, description="Remove HTML markup, keep code blocks")
    emoji: Literal["keep", "drop", "name"] = Field("keep", description="Keep emoji, drop them, or write their names")
    urls: Literal["keep", "placeholder", "drop"] = Field("keep", description="What to do with web addresses")
    elongated: Literal["keep", "cut"] = Field(
        "cut", description="Letters repeated more than three times: kept, or cut to three (soooooo to sooo)"
    )
    lowercase: bool = Field(False, description="Lower-case every text")
    annotations: Literal["keep", "drop"] = Field(
        "drop",
        description='Marks of transcribers, as "[inaudible]" and "(laughs)", and speaker tags at a turn\'s start',
    )
    rare_words: Literal["keep", "placeholder", "drop"] = Field(
        "keep",
        description="Words that occur in few conversations: kept, replaced by <RARE>, or scored so that "
        "clean.rules.max_rare_words drops the conversation; other than keep reads the corpus once more",
    )
    rare_below: int = Field(3, ge=2, description="A word is rare that is in fewer conversations than this (rows)")


class Translation(Section):
    """Conversations in other languages, translated by a local model."""

    model: str | None = Field(
        None, description="Folder or hub name of a sequence-to-sequence model (transformers); none translates nothing"
    )
    into: LanguageCode = Field("en", description="Language that the model writes; conversations in it are left alone")
    languages: list[LanguageCode] = Field(default=[], description="Languages that the model reads; empty is all")
    min_confidence: float = Field(0.8, ge=0, le=1, description="Least confidence in a conversation's language")
    max_new_tokens: int = Field(256, ge=1, le=4096, description="Longest translation of a turn (tokens)")


class Pii(Section):
    """Personal data."""

    types: list[PiiType] = Field(
        default=["EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "IP", "SSN", "SECRET"],
        description="Types that are replaced by placeholders such as <EMAIL_1>",
    )
    recogniser: Literal["none", "transformers", "presidio"] = Field(
        "none", description="What finds names and street addresses; presidio needs the package presidio-analyzer"
    )
    recogniser_model: str | None = Field(
        None, description="Folder or hub name of a token-classification model, for recogniser transformers"
    )
    recogniser_types: list[Literal["PERSON", "ADDRESS"]] = Field(
        default=["PERSON", "ADDRESS"], description="What of the recogniser's findings is replaced"
    )
    min_recogniser_score: float = Field(0.7, ge=0, le=1, description="Least confidence of a finding")

    @model_validator(mode="after")
    def _has_model(self) -> "Pii":
        if (self.recogniser == "transformers") != (self.recogniser_model is not None):
            raise ValueError("recogniser transformers and recogniser_model must be set together")
        return self


class Rules(Section):
    """What decides, from the scores, whether a conversation stays."""

    languages: list[LanguageCode] = Field(
        ["en"], description="Codes to keep, as en or zh (ISO 639; fastText's 176 languages); empty keeps all"
    )
    min_language_confidence: float = Field(
        0.4, ge=0, le=1, description="Least probability that a conversation is in no listed language, to drop it"
    )
    min_reply_chars: int = Field(
        1, ge=1, description='Shortest assistant turn (characters); 1 drops only empty ones, as "5" and "k" are replies'
    )
    min_chars: int = Field(5, ge=1, description="Shortest conversation (characters)")
    max_chars: int = Field(100_000, ge=100, description="Longest conversation (characters)")
    max_repetition: float = Field(0.5, gt=0, le=1, description="Largest share of repeated word 3-grams in a reply")
    max_offensive: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Largest offensiveness of a reply that is learned (0 to 1). Above 0.6 speech that attacks "
        "counts, not its words; 0.55 drops every slur however it is meant, 0.4 also abuse, 0.25 also swearing",
    )

    turn_languages: Literal["ignore", "replies", "all"] = Field(
        "ignore", description="Turns that must be in a listed language too, each by itself"
    )
    min_turn_confidence: float = Field(0.9, ge=0, le=1, description="Below it a turn's language is unknown")
    min_tokens: int = Field(2, ge=0, description="Shortest conversation (tokens, estimated)")
    max_tokens: int = Field(32_768, ge=16, description="Longest conversation (tokens, estimated)")
    min_reply_ratio: float = Field(0.0, ge=0, description="Least length of replies over prompts (characters)")
    max_reply_ratio: float = Field(1000.0, gt=0, description="Largest length of replies over prompts (characters)")
    max_non_letters: float = Field(0.6, ge=0, le=1, description="Largest share of non-letters in the replies")
    max_capitals: float = Field(0.8, ge=0, le=1, description="Largest share of capitals in the letters of the replies")
    max_digits: float = Field(0.4, ge=0, le=1, description="Largest share of digits in the replies")
    max_echo: float = Field(0.5, ge=0, le=1, description="Largest share of replies that repeat their prompt")
    refusals: Literal["keep", "drop"] = Field(
        "keep", description="Conversations with a boilerplate refusal; they are counted either way"
    )
    max_leaks: int = Field(0, ge=0, description="Most replies with marks of a chat template or the system prompt")
    max_empty_turns: int = Field(0, ge=0, description="Most turns without text")
    role_faults: list[RoleFault] = Field(
        default=["no_user"], description="Faults in the order of the turns for which a conversation is dropped"
    )
    max_rare_words: float = Field(
        0.2, ge=0, le=1, description="Largest share of rare words, when clean.text.rare_words is drop"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Rules":
        if self.min_chars >= self.max_chars:
            raise ValueError(f"min_chars ({self.min_chars}) must be below max_chars ({self.max_chars})")
        if self.min_tokens >= self.max_tokens:
            raise ValueError(f"min_tokens ({self.min_tokens}) must be below max_tokens ({self.max_tokens})")
        if self.min_reply_ratio >= self.max_reply_ratio:
            raise ValueError(
                f"min_reply_ratio ({self.min_reply_ratio}) must be below max_reply_ratio ({self.max_reply_ratio})"
            )
        return self


class Clean(Section):
    """Repair, scores and rules. Changing a rule does not score again."""

    text: Text = Field(default_factory=Text, description="Repair and standardisation")
    translation: Translation = Field(default_factory=Translation, description="Other languages")
    pii: Pii = Field(default_factory=Pii, description="Personal data")
    rules: Rules = Field(default_factory=Rules, description="Rules over the scores")
