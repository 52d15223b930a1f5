"""Topics by phrases, by what the corpus shows, and by labelled examples; and those that the corpus itself brings."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.topic_lines import NEWS, PHRASES, news, unrelated
from benchmarks.topics import examples, scores
from configs.audit import Audit
from configs.embed import Embed
from configs.errors import UserError
from pipeline.audit.clusters import clusters_of, distinctive_words
from pipeline.audit.null_phrases import null_phrases, whole_words
from pipeline.audit.topic_examples import labelled_examples
from pipeline.audit.topic_learning import from_phrases, learned, nearest_phrase, with_examples
from pipeline.audit.topic_sample import sampled
from pipeline.audit.topics import Topics, of_vectors, unit
from pipeline.embed.encoder import Encoder
from pipeline.embed.segmenter import segments_schema

TOPICS = list(PHRASES)
LINES = [text for text, _ in news()] + unrelated()
TOPIC_N = np.array([TOPICS.index(topic) for _, topic in news()] + [len(TOPICS)] * len(unrelated()))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(Embed().model)


@pytest.fixture(scope="module")
def rows_ND(encoder: Encoder) -> np.ndarray:
    return encoder.encode_texts(LINES)


@pytest.fixture(scope="module")
def calibrated(encoder: Encoder, rows_ND: np.ndarray) -> Topics:
    return learned(Audit(topics=dict(PHRASES), max_clusters=0), encoder, rows_ND, [], 20)[0]


def test_the_calibrated_bar_keeps_what_is_about_a_topic_and_sends_the_rest_to_other(
    calibrated: Topics, encoder: Encoder, rows_ND: np.ndarray
) -> None:
    order = [calibrated.names.index(name) for name in TOPICS] + [len(TOPICS)]
    topic_N = np.array(order)[TOPIC_N]
    found = scores(calibrated, rows_ND, topic_N)
    assert found["accuracy"] >= 0.8
    assert found["other"] >= 0.85
    constant, _ = learned(Audit(topics=dict(PHRASES), max_clusters=0, min_similarity=0.15), encoder, rows_ND, [], 20)
    assert scores(constant, rows_ND, topic_N)["accuracy"] < 0.5


def test_a_hundred_labelled_rows_teach_the_topics(encoder: Encoder, rows_ND: np.ndarray) -> None:
    phrases_PD, null_PD = (
        encoder.encode_texts(phrases)
        for phrases in (list(PHRASES.values()), null_phrases(list(PHRASES.values()), encoder.folder.tokenizer, 20))
    )
    chosen = examples(TOPIC_N, len(TOPICS), 25, seed=1)
    rest = np.setdiff1d(np.arange(len(LINES)), chosen)
    topics = from_phrases(TOPICS, phrases_PD, np.arange(len(TOPICS)), null_PD, rows_ND[rest])
    before = scores(topics, rows_ND[rest], TOPIC_N[rest])
    after = scores(with_examples(topics, rows_ND[chosen], TOPIC_N[chosen]), rows_ND[rest], TOPIC_N[rest])
    assert after["accuracy"] > max(before["accuracy"], 0.85)
    assert after["without_cut_off"] > 0.9


def test_a_topic_without_a_row_is_found_once_it_has_examples(encoder: Encoder, rows_ND: np.ndarray) -> None:
    sport = rows_ND[:150][TOPIC_N[:150] == TOPICS.index("sport")]
    phrases = ["talking about sport, teams, matches and players", "zqx vvk"]
    null_PD = encoder.encode_texts(null_phrases(phrases, encoder.folder.tokenizer, 20))
    topics = from_phrases(["sport", "cooking"], encoder.encode_texts(phrases), np.array([0, 1]), null_PD, sport)
    food = encoder.encode_texts(["Fry the onions.", "Boil the rice.", "Bake the bread.", "Salt the soup.", "Stir it."])
    taught = with_examples(topics, np.concatenate([sport[:5], food]), np.array([0] * 5 + [1] * 5))
    soup = encoder.encode_texts(["Fry the rice in butter, and salt the soup."])
    assert topics.classes(soup).tolist() != [1]
    assert taught.classes(soup).tolist() == [1]


def test_a_constant_bar_is_the_nearest_phrase_by_cosine() -> None:
    topics = nearest_phrase(["left", "up"], np.array([[-1.0, 0.0], [0.0, 1.0]]), np.array([0, 1]), least=0.6)
    rows = np.array([[-9.0, 1.0], [0.1, 0.2], [1.0, -1.0], [1.0, 1.0]])
    classes = topics.classes(rows)
    assert classes.tolist() == [0, 1, 2, 1]
    assert topics.similarity(rows, classes).round(2).tolist() == [0.99, 0.89, -0.71, 0.71]


def test_random_phrases_keep_the_frame_and_take_whole_words_of_the_vocabulary(encoder: Encoder) -> None:
    known = set(whole_words(encoder.folder.tokenizer))
    assert {"weather", "politics"} <= known
    assert not any(word.startswith("#") for word in known)
    made = null_phrases(["talking about cats", "talking about dogs", "talking about rain"], encoder.folder.tokenizer, 3)
    assert made == null_phrases(
        ["talking about cats", "talking about dogs", "talking about rain"], encoder.folder.tokenizer, 3
    )
    assert all(phrase.startswith("talking about ") and phrase.split()[2] in known for phrase in made)
    assert len(set(made)) > 500


def test_topics_that_the_corpus_brings_are_found_and_named_by_their_words(calibrated: Topics, rows_ND) -> None:
    lines = len(TOPICS) > TOPIC_N
    texts = [text for text, about in zip(LINES, lines, strict=True) if about]
    found = clusters_of(calibrated.centred(rows_ND[lines]), texts, 32, seed=20)
    assert len(found.names) == len(NEWS)
    label_N = (calibrated.centred(rows_ND[lines]) @ found.centroids_KD.T).argmax(axis=1)
    purity = sum(np.bincount(TOPIC_N[lines][label_N == k]).max() for k in range(len(NEWS))) / lines.sum()
    assert purity > 0.85
    again = clusters_of(calibrated.centred(rows_ND[lines]), texts, 32, seed=20)
    assert again.names == found.names
    assert again.centroids_KD.tobytes() == found.centroids_KD.tobytes()


def test_a_word_names_a_cluster_when_it_is_frequent_there_and_rare_elsewhere() -> None:
    texts = ["the red apple", "an apple tree", "a green apple", "the red car", "a fast car", "the car stops"]
    words = distinctive_words(texts, np.array([0, 0, 0, 1, 1, 1]), 2)
    assert [found[0] for found in words] == ["apple", "car"]
    assert "red" not in words[0]


def test_few_rows_bring_no_topic(rows_ND: np.ndarray) -> None:
    assert clusters_of(rows_ND[:49], LINES[:49], 32, seed=20).names == []


def write_shards(folder: Path, shards: list[list[tuple[str, list[float]]]]) -> list[Path]:
    for number, segments in enumerate(shards):
        zeros = [0] * len(segments)
        columns = [[row_id for row_id, _ in segments], *[zeros] * 4, [vector for _, vector in segments]]
        pq.write_table(pa.table(columns, schema=segments_schema(2)), folder / f"part-{number:05d}.parquet")
    return sorted(folder.glob("*.parquet"))


def test_a_conversation_is_the_sum_of_its_segments_and_a_shard_may_be_empty(tmp_path: Path) -> None:
    shards = write_shards(tmp_path, [[("a", [1.0, 0.0]), ("a", [0.0, 1.0]), ("b", [0.0, 1.0])], []])
    topics = nearest_phrase(["up"], np.array([[0.0, 1.0]]), np.array([0]), least=0.8)
    paths = pa.RecordBatch.from_pydict({"path": [str(shard) for shard in shards]})
    (batch,) = of_vectors(iter([paths]), topics)
    assert batch.to_pylist() == [
        {"row_id": "a", "topic": "other", "topic_similarity": pytest.approx(0.7071, abs=1e-4), "cluster": None},
        {"row_id": "b", "topic": "up", "topic_similarity": 1.0, "cluster": None},
    ]


def test_the_sample_is_bounded_and_holds_whole_conversations_of_all_parts(tmp_path: Path) -> None:
    rows = [[(f"{shard:02}{row:02}", [float(shard), float(row)]) for row in range(20)] for shard in range(10)]
    rows[0].insert(1, ("0000", [5.0, 5.0]))  # a second segment
    shards = write_shards(tmp_path, rows)
    ids, sums_ND = sampled(shards, 201, most=30)
    assert len(ids) == 30
    assert {row_id[:2] for row_id in ids} == {f"{shard:02}" for shard in range(10)}
    assert sums_ND[0].tolist() == [5.0, 5.0]
    assert len(sampled(shards, 201, most=1000)[0]) == 200
    assert sampled(write_shards(tmp_path / "..", [[]])[:1], 0)[1].shape == (0, 2)


def test_without_rows_there_is_nothing_to_learn_from_and_nothing_fails(encoder: Encoder) -> None:
    topics, words = learned(Audit(topics={"food": "food"}), encoder, np.empty((0, 384), np.float32), [], 1)
    assert (topics.clusters, words) == ([], [])
    assert len(topics.classes(np.empty((0, 384), np.float32))) == 0


def test_examples_come_as_csv_or_json_lines(tmp_path: Path) -> None:
    table, lines = tmp_path / "examples.csv", tmp_path / "examples.jsonl"
    table.write_text('topic,text\nfood,"Soup, please."\nother,Hm\n', encoding="utf-8")
    lines.write_text('{"text": "Soup, please.", "topic": "food"}\n\n{"text": "Hm", "topic": "other"}\n', "utf-8")
    for path in (table, lines):
        settings = Audit(topics={"food": "cooking"}, topic_examples=str(path))
        assert labelled_examples(settings) == [("Soup, please.", "food"), ("Hm", "other")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"text": "Soup", "topic": "foods"}', "row 1: 'foods' is no topic; write one of food, other"),
        ('{"text": "Soup"}', "row 1: needs text and topic"),
        ('{"text": " ", "topic": "food"}', "row 1: no text"),
        ("Soup", "is neither CSV"),
        ("", "holds no rows"),
    ],
)
def test_a_wrong_file_of_examples_is_refused_by_row(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text(text)
    with pytest.raises(UserError, match=r"audit\.topic_examples: .*examples\.jsonl") as error:
        labelled_examples(Audit(topics={"food": "cooking"}, topic_examples=str(path)))
    assert says in str(error.value)


def test_a_topic_may_have_several_phrases_and_the_nearest_counts(encoder: Encoder) -> None:
    settings = Audit(topics={"pets": ("talking about cats", "talking about parrots")}, min_similarity=0.3)
    topics, _ = learned(settings, encoder, np.empty((0, 384), np.float32), [], 1)
    parrots = encoder.encode_texts(["My parrot talks."])
    assert topics.similarity(parrots, topics.classes(parrots))[0] > 0.5
    assert json.loads(settings.model_dump_json())["topics"] == {"pets": ["talking about cats", "talking about parrots"]}


def test_a_bar_and_examples_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="set one of the two"):
        Audit(topics={"food": "food"}, min_similarity=0.1, topic_examples="examples.csv")


def test_units_of_zeros_stay_zeros() -> None:
    assert unit(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist() == [[0.0, 0.0], [0.6, 0.8]]
