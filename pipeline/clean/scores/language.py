"""The language of a turn and of a conversation."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from pipeline.clean.scores.lid import END_OF_LINE, Floats, language_model
from pipeline.clean.scores.words import ENOUGH_LETTERS, Texts, Words, known_words

UNKNOWN = "und"
"""ISO 639-2 for undetermined."""
TURN_WORDS = 40
"""Words at the start of a turn that are looked at: enough to tell, at bounded cost."""

Counts = npt.NDArray[np.int64]
Language = tuple[str, float]
"""(ISO 639 code, confidence 0 to 1)."""


def detect_languages(turns: Sequence[str]) -> list[Language]:
    """The language of each turn; ("und", 0) where there are no letters, or fewer than 20, all ASCII."""
    words = known_words()
    return languages(words, [words.numbers(turn) for turn in turns], turns, np.arange(len(turns) + 1))[0]


def languages(
    words: Words, numbers: Sequence[Sequence[int]], contents: Sequence[str], ends: npt.NDArray[np.int64]
) -> tuple[list[Language], list[Language]]:
    """(language of every turn, language of every conversation).

    numbers: of the words of each turn. ends: [conversations + 1], where the turns of each conversation begin
    and end. Only the start of a turn is looked at, and one all in capitals is read in small letters. A
    conversation's language is that of all its turns' words together; other conversations do not matter.
    """
    shouted = {turn: words.numbers(text.lower()) for turn, text in enumerate(contents) if text.isupper()}
    words.settle()
    turns = Texts([shouted.get(n, known) for n, known in enumerate(numbers)] if shouted else numbers).heads(TURN_WORDS)
    sums = csr_matrix((np.ones(len(turns.numbers)), turns.numbers, turns.ends), (len(turns), len(words.language)))
    vectors = sums @ words.language
    rows, letters = turns.total(words.field("rows")), turns.total(words.field("tells"))
    member = csr_matrix((np.ones(len(turns)), np.arange(len(turns)), ends), (len(ends) - 1, len(turns)))
    return _named(vectors, rows, letters), _named(member @ vectors, member @ rows, member @ letters)


def _named(vectors: Floats, rows: Counts, letters: Counts) -> list[Language]:
    """vectors: sums over `rows` rows of the language model, [texts, dim]; the end of the line is added."""
    found: list[Language] = [(UNKNOWN, 0.0)] * len(vectors)
    told = np.flatnonzero((letters >= ENOUGH_LETTERS) & (rows > 0))
    if len(told):
        model = language_model()
        end = model.sums([model.rows_of(END_OF_LINE)])
        labels, chances = model.best((vectors[told] + end) / (rows[told] + 1)[:, None])
        for text, label, chance in zip(told.tolist(), labels.tolist(), chances.round(4).tolist(), strict=True):
            found[text] = (model.labels[label], chance)
    return found
