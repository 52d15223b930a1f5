"""The pictures of the audit show names as they are, whatever they are."""

import re
import xml.etree.ElementTree
from html import unescape
from pathlib import Path

import pytest

from pipeline.audit.plots import draw


@pytest.mark.parametrize("name", ["$x_{$", "$a$ and $b$", r"\$", "<b>&amp;", "a | b", "![i](http://127.0.0.1)", "$\\"])
def test_a_name_is_text(tmp_path: Path, name: str) -> None:
    counts = {name: 5, "other": 1}
    histogram = {"counts": [1, 5], "edges": [-1, 0, 1]}
    draw(
        {
            "rows": 6,
            "topics": counts,
            "by_source": {name: counts},
            "mentions": {"gender": {name: 2}},
            "sentiment": {"mean": 0.5, "histogram": histogram},
        },
        tmp_path,
    )
    for picture in ("topics", "mentions", "topics_by_source"):
        drawn = (tmp_path / f"{picture}.svg").read_text(encoding="utf-8")
        xml.etree.ElementTree.fromstring(drawn)
        assert name in [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", drawn)]
