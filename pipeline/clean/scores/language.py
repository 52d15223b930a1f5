"""The language of a turn and of a conversation."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import regex
from scipy.sparse import csr_matrix

from pipeline.clean.scores.asked_language import asked_for
from pipeline.clean.scores.function_words import LANGUAGES, SHARED
from pipeline.clean.scores.lid import END_OF_LINE, Floats, Ints, language_model
from pipeline.clean.scores.words import ENOUGH_LETTERS, Texts, Words, known_words

UNKNOWN = "und"
"""ISO 639-2 for undetermined."""
TURN_WORDS = 40
"""Words at the start of a turn that are looked at: enough to tell, at bounded cost."""
FUNCTION_TURN_WORDS = 200
"""The same, where the language model is not sure and function words are counted."""
SURE = 0.95
"""A language above this share is told alone, where no reply is in another."""
QUOTED_SHARE = 0.3
"""Where no more of a turn's words have letters outside ASCII, these are names and quotations, and tell nothing."""
LEAST_ROWS = 5
"""Of the replies, to be read by themselves; with fewer the model gives what it gives to any text."""
NUMBERS = {code: number for number, code in enumerate(LANGUAGES, 1)}
LEAST_DISTINCT = 2
"""Words by which a language is heard among others; one may be a loan."""
NAME = regex.compile(r"(?:\p{Lu}\S*|\p{Ll}{1,3})(?: (?:\p{Lu}\S*|\p{Ll}{1,3})){1,7}")
"""A turn of two to eight words that is a name: "Johann Wolfgang von Goethe"."""
LEAST_SHARE, MOST_SHARES = 0.01, 8

Language = tuple[str, float]
"""(ISO 639 code, confidence 0 to 1)."""


class Spoken(NamedTuple):
    """What a conversation is in: its likeliest language, and the share of every language that may be meant.

    The model spreads its belief over neighbours (Serbian, Croatian, Bosnian), so that none of them is sure where it
    is sure that the text is not English. The shares decide; they need not add up to 1.
    """

    code: str
    confidence: float
    shares: list[Language]


class _Sums(NamedTuple):
    """Of texts: sums of vectors [texts, dim], their numbers of rows, and letters that tell a language."""

    vectors: Floats
    rows: Floats
    letters: Floats

    def known(self) -> npt.NDArray[np.bool_]:
        return (self.letters >= ENOUGH_LETTERS) & (self.rows > 0)

    def means(self, texts: npt.NDArray[np.bool_] | Ints) -> Floats:
        """Mean vectors of some texts, the end of the line counted in."""
        model = language_model()
        return (self.vectors[texts] + model.sums([model.rows_of(END_OF_LINE)])) / (self.rows[texts] + 1)[:, None]

    def joined(self, weights: Floats, ends: Ints) -> "_Sums":
        """Of the conversations that the texts make up. letters: of the texts that have a weight."""
        member = csr_matrix((weights, np.arange(len(weights)), ends), (len(ends) - 1, len(weights)))
        return _Sums(member @ self.vectors, member @ self.rows, member.sign() @ self.letters)


def detect_languages(turns: Sequence[str]) -> list[Language]:
    """The language of each turn; ("und", 0) where there are no letters, or fewer than 20, all ASCII."""
    words, ends = known_words(), np.arange(len(turns) + 1)
    return languages(words, [words.numbers(turn) for turn in turns], turns, ends, np.ones(len(turns), bool))[0]


def languages(
    words: Words,
    numbers: Sequence[Sequence[int]],
    contents: Sequence[str],
    ends: Ints,
    replies: npt.NDArray[np.bool_],
    spoken: npt.NDArray[np.bool_] | None = None,
) -> tuple[list[Language], list[Spoken]]:
    """(language of every turn, languages of every conversation).

    numbers: of the words of each turn. ends: [conversations + 1], where the turns of each conversation begin
    and end. replies: whether each turn is the assistant's, and learned. spoken: whether it counts for its conversation,
    which what a tool returns does not; without it all do. Only the start of a turn is looked at, and one all in
    capitals is read in small letters. Other conversations do not matter.
    """
    shouted = {turn: words.numbers(text.lower()) for turn, text in enumerate(contents) if text.isupper()}
    words.settle()
    turns = Texts([shouted.get(n, known) for n, known in enumerate(numbers)] if shouted else numbers).heads(TURN_WORDS)
    accented, size = words.field("accented")[turns.numbers] > 0, np.maximum(np.diff(turns.ends), 1)
    quoted = np.bincount(turns.texts, accented, len(turns)) <= QUOTED_SHARE * size
    heard = 1.0 - (accented & quoted[turns.texts])
    counts = csr_matrix((heard, turns.numbers, turns.ends), (len(turns), len(words.language)))
    rows, letters = (counts @ words.field(name) for name in ("rows", "tells"))
    sums = _Sums(counts @ words.language, rows, letters)
    labels, chances = _best(sums)
    telling = np.ones(len(turns), bool) if spoken is None else spoken.copy()
    telling &= ~asked_for(contents, ends, replies, labels)
    found = _spoken(sums, labels, replies & telling, telling, ends)
    alone = replies & telling & sums.known()
    for number, (start, end) in enumerate(pairwise(ends.tolist())):
        if len(found[number].shares) > 1:
            its = _by_function_words(words, numbers, contents, alone, telling, range(start, end), found[number].code)
            found[number] = found[number]._replace(shares=_larger(found[number].shares, its))
    labels[~telling] = -1
    return _named(labels, np.where(telling, chances, 0.0)), found


def _best(sums: _Sums) -> tuple[Ints, Floats]:
    """(likeliest label, -1 for none, and its probability) of each text."""
    labels, chances = np.full(len(sums.rows), -1), np.zeros(len(sums.rows))
    known = sums.known()
    if known.any():
        labels[known], chances[known] = language_model().best(sums.means(known))
    return labels, chances


def _named(labels: Ints, chances: Floats) -> list[Language]:
    codes = [*language_model().labels, UNKNOWN]  # the last for -1
    return [(codes[label], chance) for label, chance in zip(labels.tolist(), chances.round(4).tolist(), strict=True)]


def _spoken(
    turns: _Sums, labels: Ints, replies: npt.NDArray[np.bool_], telling: npt.NDArray[np.bool_], ends: Ints
) -> list[Spoken]:
    """Languages of the conversations: of all their words together, where those of others than the assistant count the
    less, the more the replies tell (ENOUGH_LETTERS over the replies' letters). Replies that tell enough are also
    read by themselves, and the larger share of a language holds: a German question answered in English is English.

    labels: the likeliest of each turn. telling: whether each turn counts.
    """
    model, conversation = language_model(), np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    alone = turns.joined(replies.astype(float), ends)
    of_others = np.minimum(1.0, ENOUGH_LETTERS / np.maximum(alone.letters, 1))
    weights = np.where(replies, 1.0, of_others[conversation])
    whole = turns.joined(weights * telling, ends)
    best, chance = _best(whole)
    differ = replies & (labels >= 0) & (labels != best[conversation])
    unsure = (best >= 0) & ((chance <= SURE) | (np.bincount(conversation[differ], minlength=len(ends) - 1) > 0))
    found = [Spoken(code, share, [(code, share)] if code != UNKNOWN else []) for code, share in _named(best, chance)]
    shares = model.leaves(whole.means(unsure))
    places, enough = np.flatnonzero(unsure), (alone.known() & (alone.rows >= LEAST_ROWS))[unsure]
    shares[enough] = np.maximum(shares[enough], model.leaves(alone.means(places[enough])))
    order = np.argsort(-shares, axis=1, kind="stable")[:, :MOST_SHARES]
    sizes = np.take_along_axis(shares, order, axis=1).round(4)
    for place, its, sized in zip(places.tolist(), order.tolist(), sizes.tolist(), strict=True):
        pairs = [(model.labels[label], share) for label, share in zip(its, sized, strict=True) if share >= LEAST_SHARE]
        found[place] = found[place]._replace(shares=pairs)
    return found


def _by_function_words(
    words: Words,
    turns: Sequence[Sequence[int]],
    contents: Sequence[str],
    alone: npt.NDArray[np.bool_],
    telling: npt.NDArray[np.bool_],
    its: range,
    likeliest: str,
) -> dict[str, float]:
    """Language to the share of a conversation's words that are surely its: function words, and what the language model
    gives it by themselves. It needs a function word, the first or as many as any other language has, and names do not
    count: capitalised words, and turns of nothing else. So speech is told from quotations and names in it: the matrix
    language brings the function words (Myers-Scotton 1993, "Duelling Languages").

    turns: numbers of the words of each turn. alone: whether each is a reply that tells a language. Where there is one
    the others' turns are not looked at. likeliest: language of the conversation. Where it has all function words,
    there is nothing to add.
    """
    nothing = {0, SHARED, NUMBERS.get(likeliest, 0)}
    chosen = [turn for turn in its if telling[turn]]
    if all(nothing.issuperset(map(words.functions.__getitem__, turns[turn])) for turn in chosen):
        return {}
    chosen = [turn for turn in chosen if not NAME.fullmatch(contents[turn])]
    chosen = [turn for turn in chosen if alone[turn]] or chosen
    said = [number for turn in chosen for number in turns[turn][:FUNCTION_TURN_WORDS]]
    functions = list(map(words.functions.__getitem__, said))
    if nothing.issuperset(functions):
        return {}
    numbers, function = np.array(said, np.int64), np.array(functions)
    plain = (words.field("letters")[numbers] > 0) & ((words.field("capitals")[numbers] == 0) | (function != 0))
    numbers, function = numbers[plain], function[plain]
    heard = function[function > 0]
    counts = np.bincount(heard, minlength=len(LANGUAGES) + 1)
    told = words.surely(numbers)
    found = {}
    for number, code in enumerate(LANGUAGES, 1):
        hits = (function == number) | ((function == 0) & (told == code))
        if (number == heard[0] or counts[number] == counts.max()) and len(np.unique(numbers[hits])) >= LEAST_DISTINCT:
            found[code] = round(float(hits.mean()), 4)
    return found


def _larger(shares: list[Language], others: dict[str, float]) -> list[Language]:
    """The shares, or those of others where these are larger; falling."""
    both = dict(shares)
    for code, share in others.items():
        both[code] = max(share, both.get(code, 0.0))
    return sorted(both.items(), key=lambda item: -item[1])[:MOST_SHARES] if others else shares
