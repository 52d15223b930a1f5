"""How sentences sound: sentiment, emotions, offensiveness, in one place, whatever models score them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.clean.scores.offensive import offensiveness
from pipeline.sentiment.model import loaded, polarity


class Tone(NamedTuple):
    """Of N texts: sentiment −1 to 1, probabilities of EMOTIONS, offensiveness 0 to 1."""

    sentiment_N: np.ndarray
    emotions_NE: np.ndarray
    offensive_N: np.ndarray


def tone_of(texts: Sequence[str], model: Path) -> Tone:
    """Of each text by itself. model: folder of the stage sentiment's artifact."""
    emotions_NE = loaded(model).predict(texts)
    return Tone(polarity(emotions_NE), emotions_NE, np.array(offensiveness(texts), np.float32))
