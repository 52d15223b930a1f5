"""The Jaccard similarity of conversations."""

import numpy as np

from pipeline.deduplicate.hashed_words import HashedWords
from pipeline.deduplicate.similarity import Compared, similarities
from pipeline.rows.turns import Turn

WORDS = [f"word{i}" for i in range(400)]


def talk(prompt: str, reply: str) -> list[Turn]:
    return [("user", prompt), ("assistant", reply)]


def similarity(a: list[Turn], b: list[Turn], threshold: float = 0.8) -> tuple[float, float, float]:
    """Of the whole, of the prompts, of the replies."""
    both = Compared(HashedWords.of([a, b]), threshold)
    whole, prompt, reply = similarities(both, np.array([0]), both, np.array([1]))
    return float(whole[0]), float(prompt[0]), float(reply[0])


def test_similarity_is_the_jaccard_of_words_and_word_pairs() -> None:
    # shared: one, two, "one two", yes; only in one of them: three, "two three", four, "two four"
    assert similarity(talk("one two three", "yes"), talk("one two four", "yes")) == (4 / 8, 3 / 7, 1.0)


def test_swapping_prompt_and_reply_is_no_duplicate() -> None:
    assert similarity(talk("red wine please", "one moment sir"), talk("one moment sir", "red wine please"))[0] == 0


def test_a_system_message_shared_by_a_source_does_not_make_rows_alike() -> None:
    rules = ("system", " ".join(WORDS[:90]))
    a = [rules, *talk("what is jazz", "a kind of music")]
    b = [rules, *talk("who wrote emma", "jane austen did")]
    assert similarity(a, b)[0] == 0


def test_lengths_further_apart_than_the_threshold_are_not_compared() -> None:
    assert similarity(talk(" ".join(WORDS[:60]), "yes"), talk(" ".join(WORDS), "yes"))[0] == 0


def test_a_conversation_without_words_is_like_no_other() -> None:
    assert similarity(talk("?!", "..."), talk("...", "!!"))[0] == 0
