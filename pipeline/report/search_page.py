"""The page on which a run's corpus is searched: every value escaped, and one script, which draws the map."""

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from configs.audit import OTHER_TOPIC
from pipeline.contract.run import Run
from pipeline.report.dropped_examples import MOST_ROWS, clipped
from pipeline.report.page import ENVIRONMENT

TEMPLATE = "search.html.j2"
SCRIPT = (Path(__file__).parent / "templates" / "map.js").read_text(encoding="utf-8")
COLOURED = 12
"""Topics that have a colour of their own on the map, the largest; others are grey."""

CONTENT_POLICY = (
    f"default-src 'none'; script-src 'sha256-{base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}'; "
    "style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'"
)
FILTERS = ("source", "topic", "split")


def render_search(run: Run, asked: dict[str, Any], found: dict[str, Any] | None, error: str) -> str:
    """The page. asked: the values of the form; found: what pipeline.report.search.Search answers."""
    annotate = run.find("annotate")
    svg = annotate.path / "plots" / "topic_map.svg" if annotate else None
    picture = base64.b64encode(svg.read_bytes()).decode("ascii") if svg and svg.is_file() else ""
    return ENVIRONMENT.get_template(TEMPLATE).render(
        run=run.id,
        asked=asked,
        found=found,
        error=error,
        choices=choices(run),
        picture=picture,
        script=SCRIPT,
        clipped=clipped,
    )


def choices(run: Run) -> dict[str, list[str]]:
    """The values that a search may be narrowed to, by what they are of; none of a corpus too large to look through."""
    balance = run.find("balance")
    if balance is None or balance.ledger.rows_out > MOST_ROWS:
        return {name: [] for name in FILTERS}
    return _values(str(balance.parquet()))


@lru_cache(maxsize=8)
def _values(folder: str) -> dict[str, list[str]]:
    table = pq.read_table(folder, columns=list(FILTERS))
    return {name: sorted(v for v in table[name].unique().to_pylist() if v is not None) for name in FILTERS}


def map_of(run: Run) -> dict[str, Any]:
    """What the map's script draws: topics, the largest first, `coloured` of them; of each conversation row, x and y (0
    to 1), and the number of its topic. Nothing in it without a map."""
    annotate = run.find("annotate")
    file = annotate.path / "map.parquet" if annotate else None
    if file is None or not file.is_file():
        return {"topics": [], "coloured": 0, "rows": [], "x": [], "y": [], "topic": []}
    table = pq.read_table(file)
    counted = sorted(table["topic"].value_counts().to_pylist(), key=lambda v: (-v["counts"], v["values"]))
    names = [v["values"] for v in counted if v["values"] != OTHER_TOPIC]
    coloured = min(COLOURED, len(names))
    names += [OTHER_TOPIC] if len(names) < len(counted) else []
    number = {name: place for place, name in enumerate(names)}
    axes = {}
    for axis in ("x", "y"):
        values = table[axis].to_numpy()
        axes[axis] = ((values - values.min()) / max(float(values.max() - values.min()), 1e-9)).round(4).tolist()
    topic = [number[name] for name in table["topic"].to_pylist()]
    return {"topics": names, "coloured": coloured, "rows": table["row_id"].to_pylist(), **axes, "topic": topic}
