"""A conversation as a set of shingles, and how alike two conversations are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import regex
import xxhash

SHORT_WORDS = 100
"""Up to this many words a conversation is compared by single words and pairs of words, above it by
triples. One changed word costs 3 of about 2n shingles among words and pairs, and 3 of n among
triples: a conversation of 15 words survives a changed word at a Jaccard similarity of 0.8, and long
documents that merely share their vocabulary stay apart."""

SHORT_SIZES, LONG_SIZES = (1, 2), (3,)

# Scripts written without spaces give one word a character.
_WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*|[\p{L}\p{N}][\p{L}\p{M}\p{N}_'’]*"
)

Turn = tuple[str, str]
"""(role, content)."""


@dataclass(frozen=True)
class Shingles:
    """64-bit shingle hashes of the prompt (user turns) and of the reply (assistant turns).

    short and long are (prompt, reply), or None where the conversation is too long or too short to be
    compared that way. words counts both sides.
    """

    words: int
    short: tuple[frozenset[int], frozenset[int]] | None
    long: tuple[frozenset[int], frozenset[int]] | None

    def hashes(self) -> list[frozenset[int]]:
        """The one or two sets that signatures are made of."""
        return [side[0] | side[1] for side in (self.short, self.long) if side and (side[0] or side[1])]


def words_of(text: str) -> list[str]:
    """Words in lower case, without punctuation."""
    return _WORD.findall(text.casefold())


def shingles_of(turns: Iterable[Turn], threshold: float) -> Shingles:
    """The shingles of a conversation.

    System turns are left out, because a prompt shared by a whole source would make all of it alike.
    Shingles do not cross turns and carry the role, so swapping prompt and reply is not a duplicate.
    Conversations within a factor `threshold` of SHORT_WORDS get both kinds: lengths further apart than
    that cannot reach a Jaccard similarity of `threshold`.
    """
    spoken = [(role, words_of(content)) for role, content in turns if role != "system"]
    words = sum(len(found) for _, found in spoken)
    short = _sides(spoken, SHORT_SIZES) if words <= SHORT_WORDS / threshold else None
    long = _sides(spoken, LONG_SIZES) if words >= SHORT_WORDS * threshold else None
    return Shingles(words, short, long)


def similarity(a: Shingles, b: Shingles) -> tuple[float, float]:
    """Jaccard similarity of two conversations, and of their replies alone.

    Compared as the shorter of the two is compared. (0, 0) when their lengths are too far apart.
    Two conversations without any reply words have equal replies.
    """
    short = min(a.words, b.words) <= SHORT_WORDS
    x, y = (a.short, b.short) if short else (a.long, b.long)
    if x is None or y is None:
        return 0.0, 0.0
    prompt, reply = len(x[0] & y[0]), len(x[1] & y[1])
    prompts, replies = len(x[0]) + len(y[0]) - prompt, len(x[1]) + len(y[1]) - reply
    if prompts + replies == 0:
        return 0.0, 0.0
    return (prompt + reply) / (prompts + replies), reply / replies if replies else 1.0


def _sides(spoken: Sequence[tuple[str, list[str]]], sizes: tuple[int, ...]) -> tuple[frozenset[int], frozenset[int]]:
    prompt: set[int] = set()
    reply: set[int] = set()
    for role, words in spoken:
        side = reply if role == "assistant" else prompt
        seed = len(sizes) * 2 + (role == "assistant")
        for size in sizes:
            if size > len(words):
                grams = [" ".join(words)] if words and size == sizes[0] else []
            elif size == 1:
                grams = words
            else:
                grams = [" ".join(gram) for gram in zip(*(words[i:] for i in range(size)), strict=False)]
            side.update([xxhash.xxh64_intdigest(gram.encode(), seed) for gram in grams])
    return frozenset(prompt), frozenset(reply)
