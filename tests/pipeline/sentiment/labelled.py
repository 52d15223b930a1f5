"""Labelled texts that one can read, of which a model is learned in a second."""

from itertools import product

from pipeline.sentiment.training_data import Labelled

SAYINGS = {
    "anger": ("I am furious about {}", "{} makes me so angry", "how dare they, {} is an outrage"),
    "joy": ("I love {}", "{} is wonderful", "what a great day for {}"),
    "neutral": ("{} is on the table", "they spoke about {}", "there are four of {}"),
    "sadness": ("I cried about {}", "{} makes me so sad", "I do not love {}, sorry for your loss"),
}
THINGS = (
    *("bread", "rain", "trains", "maths", "chess", "soup", "winter", "football", "music", "shoes", "paper", "glass"),
    *("lamps", "doors", "clocks", "maps", "coins", "ropes", "boats", "wheels", "bricks", "seeds", "pens", "cups"),
)


def labelled() -> list[Labelled]:
    """Every saying about every thing."""
    return [
        (saying.format(thing), frozenset({emotion}))
        for emotion, sayings in SAYINGS.items()
        for saying, thing in product(sayings, THINGS)
    ]
