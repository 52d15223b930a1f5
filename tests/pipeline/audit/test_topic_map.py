"""The map of topics shows names where their conversations lie."""

import re
import xml.etree.ElementTree
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.audit import topic_map
from pipeline.audit.topic_learning import nearest_phrase
from pipeline.audit.topic_map import MOST, SCHEMA, densest, draw_maps, places, thinned
from pipeline.audit.topics import Topics, unit

TOPICS = nearest_phrase(["$left$", "<up>"], unit(np.array([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])), np.array([0, 1]), 0.5)
IDS = np.array([f"{n * 7919 % 60:032x}" for n in range(60)], dtype=object)
ROWS = np.random.default_rng(3).normal(size=(60, 3)) * 0.2 + np.repeat([[-1.0, 0, 0], [0, 1, 0], [0, 0, 1]], 20, axis=0)


def texts(svg: Path) -> list[str]:
    drawn = svg.read_text(encoding="utf-8")
    xml.etree.ElementTree.fromstring(drawn)
    return [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", drawn)]


def test_topics_have_names_and_what_belongs_to_none_is_grey(tmp_path: Path) -> None:
    draw_maps(TOPICS, IDS, ROWS, tmp_path, seed=1)
    title = "Where the topics lie: 60 conversations, grey: the others"
    assert sorted(texts(tmp_path / "plots" / "topic_map.svg")) == ["$left$", "<up>", title]
    assert not (tmp_path / "plots" / "cluster_map.svg").exists()


def test_discovered_topics_have_a_map_of_their_own_and_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    topics: Topics = replace(TOPICS, clusters=["a, b", "c"], centroids_KD=np.array([[-1.0, 0, 0], [0, 1.0, 1.0]]))
    for folder in (tmp_path / "one", tmp_path / "other"):
        draw_maps(topics, IDS, ROWS, folder, seed=1)
    assert {"a, b", "c"} <= set(texts(tmp_path / "one" / "plots" / "cluster_map.svg"))
    for name in ("plots/topic_map.svg", "plots/cluster_map.svg", "map.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_of_a_handful_of_conversations_there_is_no_map(tmp_path: Path) -> None:
    draw_maps(TOPICS, IDS[:9], ROWS[:9], tmp_path, seed=1)
    assert not list(tmp_path.iterdir())


def test_a_name_stands_where_its_topic_is_thickest() -> None:
    crowd = [[5.0, 5.0], [5.1, 5.0], [5.0, 5.1], [4.9, 5.0], [5.0, 4.9]]
    assert densest(np.array([[0.0, 0.0], [0.0, 9.0], *crowd])).tolist() == [5.0, 5.0]


def test_a_large_sample_is_thinned_evenly_since_it_lies_in_the_order_of_sources() -> None:
    thin_N = thinned(10 * MOST, MOST)
    assert len(np.unique(thin_N)) == MOST
    assert (thin_N[0], thin_N[-1]) == (0, 10 * MOST - 1)
    assert np.diff(thin_N).max() <= 11
    assert thinned(5, MOST).tolist() == [0, 1, 2, 3, 4]


def test_what_is_on_the_map_is_told_row_by_row(tmp_path: Path) -> None:
    draw_maps(TOPICS, IDS, ROWS, tmp_path, seed=1)
    table = pq.read_table(tmp_path / "map.parquet")
    assert table.schema == SCHEMA
    assert table["row_id"].to_pylist() == sorted(IDS)
    assert set(table["topic"].to_pylist()) == {"$left$", "<up>", "other"}
    assert table["cluster"].null_count == 60


def test_rows_beside_the_landmarks_lie_among_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_map, "LANDMARKS", 60)
    draw = np.random.default_rng(7)
    group_N = np.arange(900) % 3
    xy_N2 = places(unit(np.eye(3)[group_N] + draw.normal(size=(900, 3)) * 0.1), seed=1)
    centre_G2 = np.array([xy_N2[group_N == group].mean(axis=0) for group in range(3)])
    nearest_N = np.linalg.norm(xy_N2[:, None] - centre_G2, axis=2).argmin(axis=1)
    assert (nearest_N == group_N).mean() > 0.99
