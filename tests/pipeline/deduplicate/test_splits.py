"""Groups of rows, whatever task their rows and keys are in."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from configs.deduplicate import Deduplicate
from pipeline.deduplicate.splits import GROUPED, KEPT, Grouping
from pipeline.spark.exchange import Exchange


def kept_rows(count: int, form: float, seed: int) -> pa.Table:
    """form: share of the rows that have one prompt."""
    draw = random.Random(seed)
    rows = []
    for ordinal in range(count):
        user = draw.randrange(count) if draw.random() < 0.4 else None
        others = [draw.randrange(count) + base for base in (10**6, 2 * 10**6) if draw.random() < 0.3]
        bound = [*([] if user is None else [user]), *others, None, None, None][:3]
        prompt = 7 * 10**6 if draw.random() < form else draw.randrange(count) + 3 * 10**6
        rows.append((ordinal, draw.getrandbits(62), user, *bound, prompt, prompt % 12))
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), KEPT, strict=True)]
    return pa.table(columns, schema=KEPT)


def grouped_in(tasks: int, kept: pa.Table, folder: Path) -> tuple[list[dict[str, int]], dict[str, int]]:
    def no_session() -> None:
        raise AssertionError("a few hundred rows start no Spark")

    exchange = Exchange(no_session, folder / str(tasks), here=True)  # type: ignore[arg-type]
    sent = exchange.send("kept", kept, kept["own"].to_numpy() % tasks)
    grouped, sizes = Grouping(exchange, sent, kept.num_rows, Deduplicate(), tasks, folder).groups()
    return exchange.gather(grouped, "rows", GROUPED).sort_by("ordinal").to_pylist(), sizes


@pytest.mark.parametrize(("count", "form"), [(60, 0.0), (400, 0.0), (400, 0.7), (400, 0.2)])
def test_groups_are_the_same_in_any_number_of_tasks(tmp_path: Path, count: int, form: float) -> None:
    kept = kept_rows(count, form, seed=count)
    one, sizes = grouped_in(1, kept, tmp_path)
    assert grouped_in(5, kept, tmp_path) == (one, sizes)
    numbers, rows = np.unique([row["group"] for row in one], return_counts=True)
    assert (len(numbers), rows.max()) == (sizes["groups"], sizes["largest_group"])
    assert {row["group"]: row["group_rows"] for row in one} == dict(zip(numbers.tolist(), rows.tolist(), strict=True))
    assert sorted(row["group"] for row in one if row["opens"]) == numbers.tolist()


def test_rows_are_bound_by_user_conversation_cluster_and_prompt_and_by_no_prompt_of_half_the_corpus(
    tmp_path: Path,
) -> None:
    for form, seed in ((0.0, 60), (0.7, 400)):
        kept = kept_rows(seed, form, seed)
        rows, _ = grouped_in(3, kept, tmp_path / str(seed))
        for name in ("user", "second", "third"):
            of: dict[int, set[int]] = {}
            for given, row in zip(kept[name].to_pylist(), rows, strict=True):
                if given is not None:
                    of.setdefault(given, set()).add(row["group"])
            assert {len(groups) for groups in of.values()} == {1}
        prompted = {row["group"] for p, row in zip(kept["prompt_key"].to_pylist(), rows, strict=True) if p == 7 * 10**6}
        assert len(prompted) > 20 if form else not prompted
