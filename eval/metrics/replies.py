"""The health of the replies: how long they are, and how many say nothing or go round in circles."""

from collections.abc import Callable
from typing import Any

from rouge_score.rouge_scorer import RougeScorer

from eval.metrics.metric import Outcome
from eval.metrics.rouge import Words
from eval.metrics.words import words

STRETCH = 3
"""Words of a stretch that may come again."""


def looping(reply: str) -> bool:
    """Whether more than half of the reply's stretches of three words have been said in it before.

    After the duplicate n-grams of Rae et al. 2021, "Scaling Language Models" (Gopher), appendix A1.1. Of a script
    without spaces a character counts as a word.
    """
    said = words(reply)
    stretches = list(zip(*(said[i:] for i in range(STRETCH)), strict=False))
    return 2 * (len(stretches) - len(set(stretches))) > len(stretches)


def scores(outcome: Outcome) -> dict[str, Any]:
    """replies: {length_mean (words), bytes_mean, empty_share, looping_share, items}; the means are None without any.

    items: [row_id, words, empty, looping, ROUGE-L] of each, for the gate.
    """
    scorer = RougeScorer(["rougeL"], tokenizer=Words())
    items = [
        [
            row_id,
            len(words(reply)),
            int(not reply.strip()),
            int(looping(reply)),
            round(scorer.score(reference, reply)["rougeL"].fmeasure, 6),
        ]
        for row_id, reply, reference in zip(outcome.row_ids, outcome.replies, outcome.references, strict=True)
    ]

    def mean(value: Callable[[int], float]) -> float | None:
        return sum(map(value, range(len(items)))) / len(items) if items else None

    return {
        "replies": {
            "length_mean": mean(lambda i: items[i][1]),
            "bytes_mean": mean(lambda i: len(outcome.replies[i].encode())),
            "empty_share": mean(lambda i: items[i][2]),
            "looping_share": mean(lambda i: items[i][3]),
            "items": items,
        }
    }
