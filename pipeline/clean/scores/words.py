"""What is known of a word, worked out once a word and not once a text.

Most of what is scored depends on single words: what is between white space. Words recur, so each
distinct one is examined when it is first met, and a text is then scored by looking its words up.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import chain

import numpy as np
import numpy.typing as npt
import regex

from pipeline.clean.privacy.pii import CUE_SIGN, pii_signs
from pipeline.clean.privacy.secret import CUE
from pipeline.clean.repair.punctuation import STRETCHED
from pipeline.clean.scores.function_words import function_word
from pipeline.clean.scores.lid import language_model
from pipeline.clean.scores.offensive_features import alarm
from pipeline.clean.scores.offensive_words import PHRASE_WORDS, word_severity
from pipeline.rows.text_hash import PERCENT, telling

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

MOST_WORDS = 200_000
"""Words remembered, about 100 MB; beyond it all are forgotten, and met anew."""

NOT_LANGUAGE = regex.compile(r"<[A-Z_]+_\d+>|https?://\S+|[^\p{L}\p{M}\s']+")
"""Marks attached to a word are part of it to the language model, and turn "hello?" Italian."""
NOT_LETTER = regex.compile(r"[^\p{L}\p{M}]+")
PIECE = regex.compile(r"[\p{L}\p{M}]+|\p{N}{1,3}|[^\p{L}\p{M}\p{N}]+")
PIECE_BYTES = 8

FIELDS = (
    *("signs", "phrase", "elongated", "chars", "letters", "capitals", "digits", "tokens", "rows", "tells"),
    *("accented", "alarm"),
)
"""Integers known of a word.

signs: bits of pii_signs. phrase: 1 if an offensive phrase may begin here. elongated: 1 as "soooo".
chars, letters, capitals, digits: numbers of characters. tokens: see estimated_tokens. rows: of the language model,
summed up in the word's vector. tells: letters that tell the language; one outside ASCII counts as many as are needed.
accented: 1 if it has a letter outside ASCII. alarm: bits of what it may be in an attack.
"""
SURELY = 0.8
"""From this chance on a single word is a language's."""
ENOUGH_LETTERS = 20
"""Fewer letters than these, all ASCII, tell no language: "nope" would be Finnish and "sup" French."""


class Words:
    """The words met so far. numbers(text) gives each word's number, and meets the new ones.

    By number, as lists: normal, the word normalised; alarms, as the field; functions, the language whose function word
    it is (function_word).
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._numbers = _Numbers(self._examine)
        self._met: list[tuple[int, ...]] = []
        self._new_severity: list[float] = []
        self._new_rows: list[list[int]] = []
        self._ints = np.zeros((len(FIELDS), 1024), np.int32)
        self._severity = np.zeros(1024)
        self._language = np.zeros((1024, language_model().dim))
        self._settled = 0
        self._model = language_model()
        self._rows: dict[str, list[int]] = {}
        self._sure: dict[int, str] = {}
        self.normal: list[str] = []
        self.alarms: list[int] = []
        self.functions: list[int] = []

    def limit(self) -> None:
        """Forgets all words when they are too many. Numbers given before mean nothing afterwards."""
        if len(self._numbers) > MOST_WORDS:
            self._forget()

    def numbers(self, text: str) -> list[int]:
        """The numbers of the words of a text, in order."""
        return list(map(self._numbers.__getitem__, text.split()))

    def normalised(self, text: str, numbers: Sequence[int]) -> str:
        """pipeline.rows.text_hash.normalise of a text, given the numbers of its words."""
        known = " ".join(filter(None, map(self.normal.__getitem__, numbers)))
        return known or text.casefold().strip()

    def field(self, name: str) -> Ints:
        """One of FIELDS, by word number."""
        return self._ints[FIELDS.index(name), : self._settled]

    def surely(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
        """[words]: the language that the model gives each word by itself with SURELY or more, "" for none."""
        new = [number for number in set(numbers.tolist()) if number not in self._sure]
        if new:
            rows = self.field("rows")[new]
            labels, chances = self._model.above_half(self.language[new] / np.maximum(rows, 1)[:, None])
            for number, label, sure in zip(
                new, labels.tolist(), ((chances > SURELY) & (rows > 0)).tolist(), strict=True
            ):
                self._sure[number] = self._model.labels[label] if sure else ""
        return np.array(list(map(self._sure.__getitem__, numbers.tolist())), object)

    @property
    def severity(self) -> Floats:
        """How much each word offends, 0 to 1."""
        return self._severity[: self._settled]

    @property
    def language(self) -> Floats:
        """Sums for the language model, [words, dim]."""
        return self._language[: self._settled]

    def settle(self) -> None:
        """Makes what is known of the words met since the last call available in the arrays."""
        start, end = self._settled, self._settled + len(self._met)
        if start == end:
            return
        room = self._severity.size
        if end > room:
            more = max(room, end - room)
            self._ints = np.pad(self._ints, ((0, 0), (0, more)))
            self._severity = np.pad(self._severity, (0, more))
            self._language = np.pad(self._language, ((0, more), (0, 0)))
        self._ints[:, start:end] = np.array(self._met, np.int32).T
        self._severity[start:end] = self._new_severity
        self._language[start:end] = language_model().sums(self._new_rows)
        self._settled, self._met, self._new_severity, self._new_rows = end, [], [], []

    def _examine(self, word: str) -> None:
        lowered = word.lower()
        plain = word.isascii() and word.isalpha()
        spoken = [word] if plain else NOT_LANGUAGE.sub(" ", word).split()
        rows = self._rows_of(spoken[0]) if len(spoken) == 1 else [row for each in spoken for row in self._rows_of(each)]
        alarms = alarm(lowered)
        letters = len(word) if plain else len(NOT_LETTER.sub("", word))
        self._met.append(
            (
                (CUE_SIGN if CUE.search(lowered) else 0) if plain else pii_signs(word, lowered),
                lowered in PHRASE_WORDS if plain else not PHRASE_WORDS.isdisjoint(NOT_LETTER.split(lowered)),
                STRETCHED.search(word) is not None,
                len(word),
                letters,
                0 if word == lowered else sum(map(str.isupper, word)),
                0 if plain else sum(map(str.isdecimal, word)),
                -(-len(word) // PIECE_BYTES) if plain else estimated_tokens(word),
                len(rows),
                letters if plain else sum(map(_tells, spoken)),
                0 if plain else not all(map(str.isascii, spoken)),
                alarms,
            )
        )
        self.alarms.append(alarms)
        self.functions.append(function_word(lowered if plain else " ".join(spoken).lower().strip("'")))
        self._new_severity.append(word_severity(lowered))
        self._new_rows.append(rows)
        self.normal.append(lowered if plain and lowered != PERCENT else telling(word))

    def _rows_of(self, word: str) -> list[int]:
        """The language model's rows of a word, which recurs with other marks around it."""
        found = self._rows.get(word)
        if found is None:
            found = self._rows[word] = self._model.rows_of(word)
        return found


def estimated_tokens(text: str) -> int:
    """Tokens of a text, estimated: runs of letters count one for every 8 bytes begun, up to three digits one,
    and a run of other marks one. The runs are those at which tokenizers split first.
    """
    return sum(
        -(-len(piece.encode("utf-8", "replace")) // PIECE_BYTES) if piece[0].isalpha() else 1
        for piece in PIECE.findall(text)
    )


def _tells(word: str) -> int:
    return sum(map(str.isalpha, word)) if word.isascii() else ENOUGH_LETTERS


class _Numbers(dict[str, int]):
    """Word to its number, given on first sight."""

    def __init__(self, examine: Callable[[str], None]) -> None:
        super().__init__()
        self._examine = examine

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        self._examine(word)
        return number


@cache
def known_words() -> Words:
    """The words that this process has met."""
    return Words()


class Texts:
    """Texts as numbers of words, with sums over each text.

    numbers: of all words, one text after another. ends: [texts + 1], where each text begins and ends.
    """

    def __init__(self, numbers: Sequence[Sequence[int]]) -> None:
        self.ends = np.zeros(len(numbers) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, numbers), np.int64, len(numbers)), out=self.ends[1:])
        self.numbers = np.fromiter(chain.from_iterable(numbers), np.int64, self.ends[-1])
        self.texts = np.repeat(np.arange(len(numbers)), np.diff(self.ends))

    def __len__(self) -> int:
        return len(self.ends) - 1

    def heads(self, most: int) -> "Texts":
        """The first words of each text."""
        places = np.arange(len(self.numbers)) - self.ends[:-1][self.texts]
        found = Texts(())
        found.numbers, found.texts = self.numbers[places < most], self.texts[places < most]
        found.ends = np.concatenate([[0], np.cumsum(np.minimum(np.diff(self.ends), most))])
        return found

    def total(self, field: Ints) -> npt.NDArray[np.int64]:
        """Sum of a field over the words of each text."""
        sums = np.concatenate([[0], np.cumsum(field[self.numbers], dtype=np.int64)])
        return sums[self.ends[1:]] - sums[self.ends[:-1]]

    def worst(self, values: Floats) -> Floats:
        """Largest value over the words of each text; 0 for a text without words."""
        found = np.zeros(len(self))
        filled = np.flatnonzero(np.diff(self.ends))
        if len(filled):
            found[filled] = np.maximum.reduceat(values[self.numbers], self.ends[:-1][filled])
        return found

    def either(self, bits: Ints) -> Ints:
        """Bits that any word of each text has."""
        found = np.zeros(len(self), np.int32)
        filled = np.flatnonzero(np.diff(self.ends))
        if len(filled):
            found[filled] = np.bitwise_or.reduceat(bits[self.numbers], self.ends[:-1][filled])
        return found


def texts_of(words: Words, texts: Iterable[str]) -> Texts:
    """The texts as numbers of words, all of which are then known."""
    found = Texts([words.numbers(text) for text in texts])
    words.settle()
    return found
