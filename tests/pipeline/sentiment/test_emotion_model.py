"""Emotions have probabilities, sentiment a sign and a range, and neither depends on who is spoken about."""

import subprocess
import sys

import numpy as np
import pytest

from configs.load import load_words
from configs.word_list import terms
from pipeline.people.lists import shipped
from pipeline.sentiment.emotions import EMOTIONS
from pipeline.sentiment.features import LONGEST, features, negated, pieces
from pipeline.sentiment.model import EmotionModel, polarity
from pipeline.sentiment.training_data import DEFAULT
from pipeline.sentiment.unseen_words import INSULTS, by_attribute, unseen_words


@pytest.fixture(scope="module")
def model() -> EmotionModel:
    """The one that is shipped."""
    return EmotionModel.load(DEFAULT.parent)


def test_every_emotion_has_a_probability(model: EmotionModel) -> None:
    emotions_NE = model.predict(["What a day", "I am so scared of it", ""])
    assert emotions_NE.shape == (3, len(EMOTIONS))
    assert emotions_NE.dtype == np.float32
    assert (emotions_NE >= 0).all()
    assert emotions_NE.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("I hate this, it makes me furious", "anger"),
        ("That is disgusting, gross", "disgust"),
        ("I am so scared and worried", "fear"),
        ("I love this, it is wonderful!", "joy"),
        ("The restaurant is at 12 Main Street.", "neutral"),
        ("I miss my friend, I am so sad", "sadness"),
        ("Wow, I never expected that, really?", "surprise"),
    ],
)
def test_plain_words_have_their_emotion(model: EmotionModel, text: str, emotion: str) -> None:
    assert EMOTIONS[int(model.predict([text])[0].argmax())] == emotion


def test_sentiment_is_the_probability_of_positive_less_that_of_negative(model: EmotionModel) -> None:
    sentiment_N = model.sentiment(["I love it", "I hate it", ""])
    assert sentiment_N.dtype == np.float32
    assert sentiment_N[0] > 0.5
    assert sentiment_N[1] < -0.5
    assert sentiment_N[2] == 0
    certain_EE = np.eye(len(EMOTIONS))
    assert dict(zip(EMOTIONS, polarity(certain_EE), strict=True)) == {
        **{"anger": -1, "disgust": -1, "fear": -1, "joy": 1, "neutral": 0, "sadness": -1, "surprise": 0}
    }


TASKS = [
    "What time should I book the table for?",
    "I have found 3 events in San Jose on March 8th.",
    "Please confirm: a one way bus ticket from Fresno to Sacramento.",
    "The temperature will be around 68 degrees with a 20 percent chance of rain.",
    "The phone number is 408-555-0100.",
    "Sort the list, then print every second element.",
    "In which city is the hotel?",
]


def test_neutral_turns_of_task_dialogues_are_not_negative(model: EmotionModel) -> None:
    assert model.sentiment(TASKS) == pytest.approx(np.zeros(len(TASKS)), abs=0.3)


PEOPLE = "The {} people in our street have a shop. I met a {} neighbour there, and he is {}."


@pytest.mark.parametrize(
    "words",
    [
        ("blind", "deaf", "autistic", "disabled"),
        ("gay", "straight", "lesbian", "bisexual", "heterosexual"),
        ("black", "white", "Asian", "Mexican", "Romani", "Jewish", "BLACK"),
        ("Muslim", "Christian", "Hindu", "atheist"),
        ("old", "young", "elderly"),
        ("male", "female", "transgender"),
    ],
)
def test_who_is_spoken_about_has_no_sentiment(model: EmotionModel, words: tuple[str, ...]) -> None:
    texts = [PEOPLE.format(word, word, word) for word in words]
    emotions_NE = model.predict(texts)
    assert (emotions_NE == emotions_NE[0]).all()
    assert not any(word.lower() in features(text, model.unseen) for word in words for text in texts)


@pytest.mark.parametrize(("attribute", "words"), by_attribute(load_words(shipped()["en"])).items())
def test_no_word_by_which_mentions_are_found_moves_the_model(
    model: EmotionModel, attribute: str, words: list[str]
) -> None:
    seen = {word for word in words if word not in terms(INSULTS)}
    assert seen, attribute
    emotions_NE = model.predict([PEOPLE.format(word, word, word) for word in sorted(seen)])
    assert (emotions_NE == emotions_NE[0]).all()


def test_nor_does_what_masking_puts_in_their_place(model: EmotionModel) -> None:
    assert {"person", "people", "they", "local", "parent", "partners"} <= model.unseen == unseen_words("en")


def test_placeholders_of_personal_data_are_not_looked_at() -> None:
    assert features("<EMAIL_1> [NAME]") == []


def test_a_word_is_seen_with_its_beginnings_and_ends_and_its_neighbour() -> None:
    beginnings, ends = ["lo-", "lov-", "love-", "loved-"], ["-ed", "-ved", "-oved", "-loved"]
    assert features("LOVED 42") == ["loved", *beginnings, *ends, "0", "loved 0"]
    assert features("soooo")[0] == features("sooooooo")[0] == "sooo"
    assert features("DON’T")[0] == "don't"


def test_what_is_negated_is_another_word_until_the_next_stop() -> None:
    words = ["i", "do", "not", "love", "this", "song", "much", ",", "but", "love", "that"]
    assert [word for word, is_negated in zip(words, negated(words), strict=True) if is_negated] == [
        "love",
        "this",
        "song",
    ]
    assert negated(["no", ",", "i", "love", "it"]) == [False] * 5
    assert {"~love", "~lov-", "not love"} <= set(features("They do not love it"))
    assert "love" not in features("They do not love it")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "I am not happy",
            "This is not a good idea",
            "I don't like it",
            "It wasn't very nice of them",
            "not good at all",
        ),
        *("That is not fun", "I never liked that", "I am not excited about it", "It's not wonderful"),
    ],
)
def test_negated_praise_is_not_positive(model: EmotionModel, text: str) -> None:
    assert model.sentiment([text])[0] < 0


def test_a_long_text_is_judged_in_pieces_that_end_with_sentences(model: EmotionModel) -> None:
    tokens = [*"x" * 30, ".", *"y" * 30]
    assert [len(piece) for piece in pieces(tokens)] == [31, 30]
    assert [len(piece) for piece in pieces("z" * 100)] == [LONGEST, LONGEST, 4]
    praise, blame = "I love it so much. " * 8, "I hate it so much. " * 8
    both, one, other = model.predict([praise + blame, praise, blame])
    assert both == pytest.approx((one + other) / 2, abs=1e-6)
    assert pieces(praise.split()) == [praise.split()]


def test_a_text_is_judged_alike_alone_and_among_others(model: EmotionModel) -> None:
    texts = ["I love it", "", "unheard-of wordzz", "No!"]
    together_NE = model.predict(texts)
    assert all((model.predict([text])[0] == together_NE[n]).all() for n, text in enumerate(texts))
    assert model.predict([]).shape == (0, len(EMOTIONS))


def test_a_model_is_read_as_it_was_written(model: EmotionModel, tmp_path) -> None:
    model.save(tmp_path)
    assert (tmp_path / DEFAULT.name).read_bytes() == DEFAULT.read_bytes()


def test_it_needs_numpy_alone() -> None:
    """Spark's workers import it, and neither torch nor scipy is on every cluster's."""
    code = "import sys, pipeline.sentiment.model; print(*{'torch', 'scipy', 'sklearn', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
