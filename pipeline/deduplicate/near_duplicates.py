"""Whether two rows are near duplicates: alike on the whole and on each side, and different by an edit only."""

import numpy as np
import pyarrow as pa

from configs.deduplicate import Deduplicate
from pipeline.deduplicate.candidate_pairs import ends
from pipeline.deduplicate.differences import Words, tells_apart
from pipeline.deduplicate.hashed_words import ASSISTANT, COLUMNS, USER, HashedWords, ngrams
from pipeline.deduplicate.questions import same_question
from pipeline.deduplicate.similarity import Compared, similarities

FEW_WORDS = 2
"""So many words may differ in the part that was changed, however short that part is: a typing error, a name."""

WORDS_OF_ROWS = pa.schema({"ordinal": pa.int64(), **COLUMNS})


def duplicates(
    a: Compared, rows_a: np.ndarray, b: Compared, rows_b: np.ndarray, jaccard: float, side_jaccard: float
) -> tuple[np.ndarray, np.ndarray]:
    """(similarity, duplicate) of each pair.

    A duplicate has a Jaccard similarity of `jaccard` on the whole, of `side_jaccard` on its prompts and on
    its replies, what was changed in each of the two is an edit (see same_but_for_an_edit) that does not tell them
    apart (see tells_apart), no word was changed into another in the prompt and in the reply alike, and both ask
    the same (see same_question).
    """
    whole, prompt, reply = similarities(a, rows_a, b, rows_b)
    whole = np.round(whole, 4)
    duplicate = (whole >= jaccard) & (prompt >= side_jaccard) & (reply >= side_jaccard)
    duplicate &= (a.fixed[rows_a] == b.fixed[rows_b]).all(axis=1)
    for pair in np.flatnonzero(duplicate):
        prompts, replies = ((a.side(rows_a[pair], role), b.side(rows_b[pair], role)) for role in (USER, ASSISTANT))
        duplicate[pair] = (
            same_but_for_an_edit(*prompts, side_jaccard)
            and same_but_for_an_edit(*replies, side_jaccard)
            and not _other_subject(prompts, replies)
            and same_question(*prompts, int(min(a.words[rows_a[pair]], b.words[rows_b[pair]])))
        )
    return whole, duplicate


def same_but_for_an_edit(one: Words, other: Words, least: float) -> bool:
    """Whether two texts differ by an edit, and not by a passage of another content.

    The changed part is what is left of each between their common beginning and their
    common end. It is an edit when it only adds or removes words, when at most FEW_WORDS words of
    each are not in the other, or when the Jaccard similarity of its words and pairs of words is `least`
    or more. So two questions about one long passage differ, however long the passage. And nothing that was changed
    tells the texts apart.
    """
    a, b = one.words, other.words
    length = min(len(a), len(b))
    differ = np.flatnonzero(a[:length] != b[:length])
    begin = int(differ[0]) if len(differ) else length
    differ = np.flatnonzero(a[len(a) - length + begin :][::-1] != b[len(b) - length + begin :][::-1])
    end = int(differ[0]) if len(differ) else length - begin
    one, other = one.part(begin, len(a) - end), other.part(begin, len(b) - end)
    return _is_edit(one.words, other.words, least) and not tells_apart(one, other)


def _is_edit(a: np.ndarray, b: np.ndarray, least: float) -> bool:
    if not len(a) or not len(b):
        return True
    only_a, only_b = len(np.setdiff1d(a, b)), len(np.setdiff1d(b, a))
    if max(only_a, only_b) <= FEW_WORDS or min(only_a, only_b) == 0:
        return True
    x, y = (np.unique(np.concatenate([part, ngrams(part, 2)])) for part in (a, b))
    common = len(np.intersect1d(x, y, assume_unique=True))
    return bool(common >= least * (len(x) + len(y) - common))


def _other_subject(prompts: tuple[Words, Words], replies: tuple[Words, Words]) -> bool:
    """Whether prompt and reply have exchanged the same words for others: a template about another subject."""
    (asked_a, asked_b), (said_a, said_b) = ((a.words, b.words) for a, b in (prompts, replies))
    return bool(
        len(np.intersect1d(np.setdiff1d(asked_a, asked_b), np.setdiff1d(said_a, said_b)))
        and len(np.intersect1d(np.setdiff1d(asked_b, asked_a), np.setdiff1d(said_b, said_a)))
    )


def verify(pairs: np.ndarray, first: pa.Table, second: pa.Table, config: Deduplicate) -> pa.Table:
    """(a, b, jaccard, duplicate): the true similarity of every pair, and whether it makes a duplicate.

    first, second: WORDS_OF_ROWS rows with the smaller and the larger ordinals of the pairs.
    """
    a, b = ends(pairs)
    compared, places = [], []
    for rows, ordinals in ((first, a), (second, b)):
        there = rows["ordinal"].to_numpy()
        order = np.argsort(there)
        places.append(order[np.searchsorted(there[order], ordinals)])
        compared.append(Compared(HashedWords.from_arrow(rows), config.jaccard))
    jaccard, duplicate = duplicates(compared[0], places[0], compared[1], places[1], config.jaccard, config.side_jaccard)
    return pa.table({"a": a, "b": b, "jaccard": jaccard, "duplicate": duplicate})
