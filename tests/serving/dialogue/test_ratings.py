"""Ratings of replies are counted since a time, whoever gave them, and a correction is a dislike."""

import time

from pipeline.watch.reasons import Ratings
from serving.dialogue.ratings import ratings_since
from tests.serving.dialogue.conftest import Talk


def test_ratings_are_counted_since_a_time(talk: Talk) -> None:
    began = time.time()
    database = talk.dialogue.sessions.database
    assert ratings_since(database, 0) == Ratings(0, 0)
    judged = {
        "ann": (1, None),
        "bob": (-1, None),
        "cid": (1, "Better so."),
        "dan": (None, "Or so."),
        "eve": (None, None),
    }
    for user, (rating, correction) in judged.items():
        exchange = talk.say(user, "Hello", "Hi")
        talk.dialogue.sessions.judge(user, exchange.message_id, rating, correction)
    assert ratings_since(database, began) == Ratings(liked=1, disliked=3)
    assert ratings_since(database, time.time()) == Ratings(0, 0)
