"""How texts sound: sentiment, emotions, offensiveness, in one place, whatever models score them."""

from collections.abc import Iterable, Sequence
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


class Tones:
    """Of texts, each scored once however often it is asked for. model: folder of the stage sentiment's artifact."""

    def __init__(self, texts: Iterable[str], model: Path) -> None:
        self._place = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        self._emotions_NE = loaded(model).predict(list(self._place))

    def emotions(self, texts: Sequence[str]) -> np.ndarray:
        """[N, 7] float32, the probabilities of EMOTIONS in each text by itself."""
        return self._emotions_NE[[self._place[text] for text in texts]]

    def of(self, texts: Sequence[str]) -> Tone:
        """Of each text by itself."""
        emotions_NE = self.emotions(texts)
        return Tone(polarity(emotions_NE), emotions_NE, np.array(offensiveness(texts), np.float32))
