"""How a trained model is measured."""

from pydantic import Field

from configs.section import Section

REPLIES_AT_ONCE = 32
"""Prompts that eval/generate.py answers together."""


class Evaluate(Section):
    """Scores on the held-out test split."""

    generations: int = Field(64, ge=1, description="Replies generated for BLEU and ROUGE")
    max_new_tokens: int = Field(48, ge=1, description="Longest generated reply (tokens)")
    samples: int = Field(8, ge=3, description="Exchanges shown in the report")
