"""A model is learned from labels, calibrated on others and measured on others still; always the same from the same."""

from random import Random

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from pipeline.sentiment.calibration import calibration_error, temperature_of
from pipeline.sentiment.emotions import EMOTIONS
from pipeline.sentiment.features import features
from pipeline.sentiment.measures import macro_f1, three_way, valence
from pipeline.sentiment.model import softmax
from pipeline.sentiment.regression import cross_entropy, fitted
from pipeline.sentiment.training import FOLDS, HELD_OUT, fitted_model, fold_of, learned, matrix
from pipeline.sentiment.training_data import Labelled
from tests.pipeline.sentiment.labelled import labelled


@pytest.fixture(scope="module")
def rows() -> list[Labelled]:
    return labelled()


def test_it_says_of_other_texts_what_their_words_said(rows: list[Labelled]) -> None:
    model = learned(rows)
    emotions_NE = model.predict(["I love umbrellas", "umbrellas make me so angry", "I cried about umbrellas"])
    assert [EMOTIONS[number] for number in emotions_NE.argmax(axis=1)] == ["joy", "anger", "sadness"]
    assert model.about["held_out"]["accuracy"] > 0.9


def test_equal_rows_give_equal_bytes_in_any_order(rows: list[Labelled], tmp_path) -> None:
    files = []
    for number, seed in enumerate((1, 2)):
        mixed = list(rows)
        Random(seed).shuffle(mixed)
        (tmp_path / str(number)).mkdir()
        learned(mixed).save(tmp_path / str(number))
        files.append((tmp_path / str(number) / "emotion_model.json").read_bytes())
    assert files[0] == files[1]


def test_what_is_measured_was_not_learned(rows: list[Labelled]) -> None:
    """Labels turned round in the held-out fifth change what is measured, and nothing of the model."""
    other = [(text, frozenset({"fear"}) if fold_of(text) in HELD_OUT else labels) for text, labels in rows]
    one, two = learned(rows), learned(other)
    assert (one.features, one.bias, one.temperature) == (two.features, two.bias, two.temperature)
    assert two.about["held_out"]["accuracy"] < 0.1


def test_a_fifth_is_held_out_and_copies_stay_together() -> None:
    folds = [fold_of(f"text {number}") for number in range(2000)]
    assert len(HELD_OUT) / FOLDS == 0.2
    assert sum(fold in HELD_OUT for fold in folds) == pytest.approx(400, abs=60)
    assert fold_of("So  it goes") == fold_of("so it goes\n")


def test_regression_finds_the_shares_of_a_feature() -> None:
    """Texts with one feature are half joy, half fear; texts with the other are all joy."""
    x_NF = csr_matrix(np.array([[1.0, 0.0]] * 40 + [[0.0, 1.0]] * 40))
    targets_NE = np.array([[0.5, 0.5]] * 40 + [[1.0, 0.0]] * 40)
    weights_FE, bias_E = fitted(x_NF, targets_NE, penalty=1e-4)
    chances_NE = softmax(x_NF @ weights_FE + bias_E)
    assert chances_NE[0] == pytest.approx([0.5, 0.5], abs=0.01)
    assert chances_NE[-1, 0] > 0.99
    assert cross_entropy(chances_NE, targets_NE) == pytest.approx(40 * np.log(2), abs=0.5)


def test_a_text_of_two_emotions_is_half_of_each() -> None:
    rows = [(f"sweet and sour {number}", frozenset({"joy", "sadness"})) for number in range(30)]
    rows += [(f"a chair of wood {number}", frozenset({"neutral"})) for number in range(30)]
    shares = dict(zip(EMOTIONS, fitted_model(rows, penalty=0.01).predict(["sweet and sour"])[0], strict=True))
    assert shares["joy"] == pytest.approx(shares["sadness"], abs=0.02)
    assert shares["joy"] > 0.4


def test_the_model_weighs_texts_as_it_was_taught_to(rows: list[Labelled]) -> None:
    """Inference adds up a text word by word; it comes to the product of matrices that training minimised."""
    model = fitted_model(rows, penalty=0.1)
    names = sorted(model.features)
    idf_F = np.array([model.features[name][0] for name in names]) / 10
    weights_FE = np.array([model.features[name][1:] for name in names]) / 10 / idf_F[:, None]
    texts = [text for text, _ in rows[::7]]
    logits_NE = matrix([features(text) for text in texts], names, idf_F) @ weights_FE + np.array(model.bias)
    assert model.predict(texts) == pytest.approx(softmax(logits_NE), abs=1e-5)


def test_the_temperature_undoes_too_much_confidence() -> None:
    """Log-odds thrice too far are right at a temperature of 3."""
    rng = np.random.default_rng(4)
    chances_NE = rng.dirichlet(np.ones(3), 4000)
    targets_NE = np.eye(3)[[rng.choice(3, p=chances_E) for chances_E in chances_NE]]
    found = temperature_of(lambda t: cross_entropy(softmax(3 * np.log(chances_NE) / t), targets_NE))
    assert found == pytest.approx(3, abs=0.3)


def test_calibration_error_is_confidence_less_accuracy() -> None:
    right = np.array([True, True, True, False])
    assert calibration_error(np.full(4, 0.75), right) == pytest.approx(0)
    assert calibration_error(np.full(4, 0.95), right) == pytest.approx(0.2)
    assert calibration_error(np.array([0.6, 0.6, 1.0, 1.0]), right) == pytest.approx((0.4 + 0.5) / 2)
    assert calibration_error(np.zeros(0), np.zeros(0, bool)) == 0


def test_macro_f1_counts_every_class_alike() -> None:
    truth, guesses = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])
    assert macro_f1(guesses, truth) == pytest.approx((2 * 3 / 7 + 0) / 2)


def test_surprise_and_contradictions_have_no_sentiment_to_be_right_about() -> None:
    assert valence(frozenset({"anger", "sadness"})) == -1
    assert valence(frozenset({"joy"})) == 1
    assert valence(frozenset({"neutral"})) == 0
    for unclear in ({"surprise"}, {"joy", "surprise"}, {"joy", "anger"}, {"joy", "neutral"}):
        assert np.isnan(valence(frozenset(unclear)))


def test_three_way_sentiment_leaves_surprise_out() -> None:
    # anger, disgust, fear, joy, neutral, sadness, surprise
    emotions_NE = np.array([[0.1, 0.1, 0.1, 0.2, 0.0, 0.1, 0.4]])
    assert three_way(emotions_NE) == pytest.approx(np.array([[0.4, 0.0, 0.2]]) / 0.6)
