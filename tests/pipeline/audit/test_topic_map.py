"""The map of topics shows names where their conversations lie."""

import re
import xml.etree.ElementTree
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np

from pipeline.audit.topic_learning import nearest_phrase
from pipeline.audit.topic_map import MOST, densest, draw_maps, thinned
from pipeline.audit.topics import Topics, unit

TOPICS = nearest_phrase(["$left$", "<up>"], unit(np.array([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])), np.array([0, 1]), 0.5)
ROWS = np.random.default_rng(3).normal(size=(60, 3)) * 0.2 + np.repeat([[-1.0, 0, 0], [0, 1, 0], [0, 0, 1]], 20, axis=0)


def texts(svg: Path) -> list[str]:
    drawn = svg.read_text(encoding="utf-8")
    xml.etree.ElementTree.fromstring(drawn)
    return [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", drawn)]


def test_topics_have_names_and_what_belongs_to_none_is_grey(tmp_path: Path) -> None:
    draw_maps(TOPICS, ROWS, tmp_path, seed=1)
    title = "Where the topics lie: 60 conversations, grey: the others"
    assert sorted(texts(tmp_path / "topic_map.svg")) == ["$left$", "<up>", title]
    assert not (tmp_path / "cluster_map.svg").exists()


def test_discovered_topics_have_a_map_of_their_own_and_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    topics: Topics = replace(TOPICS, clusters=["a, b", "c"], centroids_KD=np.array([[-1.0, 0, 0], [0, 1.0, 1.0]]))
    for folder in (tmp_path / "one", tmp_path / "other"):
        draw_maps(topics, ROWS, folder, seed=1)
    assert {"a, b", "c"} <= set(texts(tmp_path / "one" / "cluster_map.svg"))
    for name in ("topic_map.svg", "cluster_map.svg"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_of_a_handful_of_conversations_there_is_no_map(tmp_path: Path) -> None:
    draw_maps(TOPICS, ROWS[:9], tmp_path, seed=1)
    assert not list(tmp_path.iterdir())


def test_a_name_stands_where_its_topic_is_thickest() -> None:
    crowd = [[5.0, 5.0], [5.1, 5.0], [5.0, 5.1], [4.9, 5.0], [5.0, 4.9]]
    assert densest(np.array([[0.0, 0.0], [0.0, 9.0], *crowd])).tolist() == [5.0, 5.0]


def test_a_large_sample_is_thinned_evenly_since_it_lies_in_the_order_of_sources() -> None:
    sample_ND = np.arange(10 * MOST, dtype=np.float32)[:, None]
    thin_N = thinned(sample_ND)[:, 0]
    assert len(np.unique(thin_N)) == MOST
    assert (thin_N[0], thin_N[-1]) == (0, 10 * MOST - 1)
    assert np.diff(thin_N).max() <= 11
