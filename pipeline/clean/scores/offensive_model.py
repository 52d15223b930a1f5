"""The classifier of attacks: a linear model over what a sentence says (offensive_features), as one reads it in a file.

Its weights are made by benchmarks/offensive_weights.py.
"""

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from pipeline.clean.scores.offensive_features import MENACE, STRONG, Token, features, is_candidate, tokens

WEIGHTS = "offensive_weights.json"
SEVERAL, PEOPLE = ("SLUR", "GROUP", "THEY"), ("people", "folks", "kids", "guys")
CAUTION = 0.5
"""Taken off the log-odds of a sentence without a word that offends by itself: such sentences are many more in real text
than among those learned from, and most of them are harmless."""
TOLD = 5
"""Words that are named, at most."""


class Attack(NamedTuple):
    """chance: that a text attacks a person or a group, 0 to 1. words: those that offend or menace, the heaviest first.
    at_group: whether it is about several people, or says a slur.
    """

    chance: float
    words: list[str]
    at_group: bool


NO_ATTACK = Attack(0.0, [], False)


@cache
def weights() -> tuple[float, dict[str, float]]:
    """(bias, feature to weight)."""
    read = json.loads((files(__package__) / WEIGHTS).read_text(encoding="utf-8"))
    return read["bias"], read["weights"]


def worst_attack(sentences: Sequence[str]) -> Attack:
    """Of those sentences of a text that hold a telling word."""
    found = NO_ATTACK
    for sentence in sentences:
        part = tokens(sentence)
        if is_candidate(part):
            found = max(found, judged(part), key=lambda attack: attack.chance)
    return found


def judged(part: list[Token]) -> Attack:
    """Of one sentence."""
    bias, weight = weights()
    by_token = [0.0] * len(part)
    for feature, place in features(part).items():
        by_token[place] += weight.get(feature, 0.0)
    telling = [place for place, token in enumerate(part) if token.name in STRONG or token.name in MENACE]
    words = dict.fromkeys(part[place].text for place in sorted(telling, key=lambda place: -by_token[place]))
    at_group = any(token.name in SEVERAL or token.text in PEOPLE for token in part)
    caution = 0.0 if any(token.name in STRONG for token in part) else CAUTION
    return Attack(1 / (1 + math.exp(caution - bias - sum(by_token))), list(words)[:TOLD], at_group)
