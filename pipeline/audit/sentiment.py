"""How positive or negative a conversation sounds: VADER (Hutto and Gilbert 2014), a lexicon with rules.

English, and made for short informal texts.
"""

from functools import cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

LONGEST = 1000
"""Characters that VADER is given at once: its time grows with the square of the length."""


def sentiment(turns: list[str]) -> float:
    """Mean of the turns' compound scores, −1 (negative) to 1 (positive); 0 without a turn."""
    scores = [_of_turn(turn) for turn in turns if turn.strip()]
    return sum(scores) / len(scores) if scores else 0.0


def _of_turn(text: str) -> float:
    if len(text) <= LONGEST:
        return _analyzer().polarity_scores(text)["compound"]
    scores = [_analyzer().polarity_scores(piece)["compound"] for piece in _pieces(text)]
    return sum(scores) / len(scores)


def _pieces(text: str) -> list[str]:
    """At most LONGEST characters each, cut at white space where there is any."""
    found = []
    while len(text) > LONGEST:
        cut = text.rfind(" ", LONGEST // 2, LONGEST)
        cut = LONGEST if cut < 0 else cut
        found.append(text[:cut])
        text = text[cut:]
    return [*found, text]


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()
