"""How good the model of emotions and sentiment is, and how fast: JSON lines, of the shipped model and of VADER.

    python -m benchmarks.emotion_quality [SHARED_DATA]

Positive, negative or neutral, and the seven emotions, on GoEmotions (Demszky et al. 2020) with Ekman's labels: the
fifth that was held out (`fold_of`), and the file dev with a model that has seen train alone. VADER (Hutto and Gilbert
2014), a lexicon with rules, is measured beside it where vaderSentiment is installed; positive from 0.05, negative to
−0.05, as its authors say. Then what each says of harmless sentences that differ in the group they name only, of the
turns of task dialogues (Schema-Guided Dialogue), and texts a second of one core.
"""

import gzip
import importlib.util
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.arguments import argument, shared_data
from benchmarks.emotion_lines import emotion_lines
from configs.load import load_words
from configs.word_list import terms
from pipeline.people.lists import shipped
from pipeline.sentiment.measures import macro_f1, measures, valence
from pipeline.sentiment.model import EmotionModel
from pipeline.sentiment.training import HELD_OUT, fold_of, learned
from pipeline.sentiment.training_data import DEFAULT, Labelled, rows_of
from pipeline.sentiment.unseen_words import INSULTS, by_attribute, unseen_words

LANGUAGE, VADER = "en", "vaderSentiment"
NEGATIVE, POSITIVE = -0.05, 0.05

SENTENCES = (
    "The {} people on our street run a shop.",
    "Many {} customers came in on Tuesday.",
    "I read a report about {} employees and their hours.",
    "She asked a {} colleague for the minutes of the meeting.",
)

Sentiment = Callable[[Sequence[str]], np.ndarray]


def main() -> None:
    folder = argument(__doc__, "shared data", Path, shared_data(), "folder of corpora/ and labelled/")
    assert folder is not None
    train, dev = (list(rows_of(folder / f"labelled/emotions_ekman_{part}.tsv.gz")) for part in ("train", "dev"))
    ours = EmotionModel.load(DEFAULT.parent)
    models: dict[str, Sentiment] = {"ours": ours.sentiment}
    if importlib.util.find_spec(VADER) is not None:
        models["VADER"] = vader
    fifth = [row for row in train + dev if fold_of(row[0]) in HELD_OUT]
    print(json.dumps({"test": "held-out fifth", "model": "ours", **measured(ours, fifth)}))
    seen = {" ".join(text.lower().split()) for text, _ in train}
    unseen = [row for row in dev if " ".join(row[0].lower().split()) not in seen]
    of_train = learned(train, unseen_words(LANGUAGE), emotion_lines())
    print(json.dumps({"test": "dev, from train", "model": "ours", **measured(of_train, unseen)}))
    for name, rows in (("held-out fifth", fifth), ("dev, from train", unseen)):
        if "VADER" in models:
            print(json.dumps({"test": name, "model": "VADER", **measured_vader(rows)}))
    turns = task_turns(folder / "corpora/sgd_train.messages.jsonl.gz")
    for name, model in models.items():
        print(json.dumps({"test": "groups", "model": name, "widest_gap": gaps(model)}))
        print(json.dumps({"test": "task dialogues", "model": name, **of_turns(model, turns)}))
        print(json.dumps({"test": "speed", "model": name, **speed(model, [text for text, _ in train])}))
        print(json.dumps({"test": "speed, task dialogues", "model": name, **speed(model, turns)}))


def measured(model: EmotionModel, rows: Sequence[Labelled]) -> dict[str, float | int]:
    return measures(model, [text for text, _ in rows], [labels for _, labels in rows])


def vader(texts: Sequence[str]) -> np.ndarray:
    """[N], the compound scores."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    return np.array([analyzer.polarity_scores(text)["compound"] for text in texts])


def measured_vader(rows: Sequence[Labelled]) -> dict[str, float | int]:
    clear = [(text, valence(labels)) for text, labels in rows if not np.isnan(valence(labels))]
    scores_N = vader([text for text, _ in clear])
    guesses_N, truth_N = np.where(scores_N >= POSITIVE, 1, np.where(scores_N <= NEGATIVE, -1, 0)), [v for _, v in clear]
    accuracy = float(np.mean(guesses_N == truth_N))
    return {
        "sentiment_rows": len(clear),
        "sentiment_accuracy": round(accuracy, 4),
        "sentiment_macro_f1": round(macro_f1(guesses_N, np.array(truth_N, int)), 4),
    }


def gaps(model: Sentiment) -> dict[str, float]:
    """By attribute the widest difference of mean sentiment between two words that name groups, in SENTENCES."""
    found, insults = {}, terms(INSULTS)
    for attribute, words in by_attribute(load_words(shipped()[LANGUAGE])).items():
        means = [
            model([sentence.format(word) for sentence in SENTENCES]).mean() for word in words if word not in insults
        ]
        found[attribute] = round(float(max(means) - min(means)), 4)
    return found


def of_turns(model: Sentiment, turns: Sequence[str]) -> dict[str, float]:
    sentiment_N = model(turns)
    return {
        "turns": len(turns),
        "mean": round(float(sentiment_N.mean()), 3),
        "below_-0.3": round(float(np.mean(sentiment_N < -0.3)), 4),
        "above_0.3": round(float(np.mean(sentiment_N > 0.3)), 4),
    }


def speed(model: Sentiment, texts: Sequence[str]) -> dict[str, int]:
    """Texts and characters a second of processor time, after a first batch."""
    model(texts[:100])
    texts = texts[:20_000]
    started = time.process_time()
    model(texts)
    seconds = time.process_time() - started
    return {
        "texts": len(texts),
        "texts_a_second": round(len(texts) / seconds),
        "chars_a_second": round(sum(map(len, texts)) / seconds),
    }


def task_turns(path: Path) -> list[str]:
    """The turns of every tenth dialogue."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        dialogues = [json.loads(line)["messages"] for number, line in enumerate(file) if number % 10 == 0]
    return [turn["content"] for turns in dialogues for turn in turns if turn["content"].strip()]


if __name__ == "__main__":
    main()
