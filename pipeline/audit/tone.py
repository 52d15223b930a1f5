"""How sentences sound: sentiment, emotions, offensiveness, in one place, whatever models score them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.audit.sentiment import sentiment
from pipeline.clean.scores.offensive import offensiveness


class Tone(NamedTuple):
    """sentiment_N: −1 to 1. emotions: probabilities, where they are known. offensive_N: 0 to 1."""

    sentiment_N: np.ndarray
    emotions: Sequence[list[float] | None]
    offensive_N: np.ndarray


def tone_of(texts: Sequence[str]) -> Tone:
    """Of each text by itself."""
    return Tone(
        np.array([sentiment([text]) for text in texts], np.float32),
        [None] * len(texts),
        np.array(offensiveness(texts), np.float32),
    )
