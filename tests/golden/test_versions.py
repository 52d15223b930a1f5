"""A stage whose code changes its output without a new version is caught, and the message says what to raise."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from pipeline.contract.artifact import ArtifactStore, Ledger
from pipeline.contract.stages import STAGES
from tests.golden.output import Output, Part, output_of, part_of
from tests.golden.recorded import read_recorded, write_recorded
from tests.golden.run import golden_run
from tests.golden.verdict import RECORD, outdated, unversioned

RAISE = f"raise version of {{0}} in pipeline/contract/stages.py, then run `{RECORD}`"


def test_no_stage_leaves_something_new_under_its_old_version(spark: SparkSession, tmp_path: Path) -> None:  # noqa: ARG001
    run = golden_run(tmp_path)
    found = {name: output_of(run.artifact(name)) for name in STAGES}
    recorded = read_recorded()
    assert not unversioned(recorded, found), "\n".join(unversioned(recorded, found))
    assert not outdated(recorded, found), f"versions, settings or inputs are new; run `{RECORD}`"


@pytest.fixture
def outputs() -> dict[str, Output]:
    """Every stage's output, as if each left its own name."""
    return {name: Output("1", f"fingerprint of {name}", {"data": part_of(name)}) for name in STAGES}


def changed(outputs: dict[str, Output], *names: str) -> dict[str, Output]:
    """The outputs when these stages leave something else."""
    return outputs | {name: replace(outputs[name], parts={"data": part_of(f"another {name}")}) for name in names}


def test_equal_outputs_are_no_news(outputs: dict[str, Output]) -> None:
    assert unversioned(outputs, outputs) == outdated(outputs, outputs) == []


def test_a_changed_output_under_the_old_version_names_the_stage_to_raise(outputs: dict[str, Output]) -> None:
    assert unversioned(outputs, changed(outputs, "promote")) == [
        f"stage promote: its output changed (data) but its version is still 1; {RAISE.format('promote')}"
    ]


def test_what_follows_from_a_changed_input_is_not_blamed_on_its_readers(outputs: dict[str, Output]) -> None:
    first, *readers = unversioned(outputs, changed(outputs, "deduplicate", "annotate", "balance", "tokenise"))
    assert first.endswith(RAISE.format("deduplicate"))
    assert readers == [
        f"stage {name}: its output changed (data), which follows from deduplicate"
        for name in ("annotate", "balance", "tokenise")
    ]


def test_two_stages_that_do_not_read_each_other_are_both_to_raise(outputs: dict[str, Output]) -> None:
    lines = unversioned(outputs, changed(outputs, "index", "tokenise"))
    assert [line.endswith(RAISE.format(name)) for name, line in zip(("index", "tokenise"), lines, strict=True)]


def test_what_changed_over_an_unchanged_input_has_its_own_cause(outputs: dict[str, Output]) -> None:
    assert STAGES["review"].inputs == ("audit",)
    lines = unversioned(outputs, changed(outputs, "deduplicate", "review"))
    assert [line.endswith(RAISE.format(name)) for name, line in zip(("deduplicate", "review"), lines, strict=True)]


def test_a_raised_version_asks_for_a_new_record_only(outputs: dict[str, Output]) -> None:
    raised = changed(outputs, "evaluate")
    raised["evaluate"] = replace(raised["evaluate"], version="2", fingerprint="new")
    assert unversioned(outputs, raised) == []
    assert outdated(outputs, raised) == ["evaluate"]


def test_a_stage_that_is_new_or_gone_asks_for_a_new_record(outputs: dict[str, Output]) -> None:
    fewer = {name: output for name, output in outputs.items() if name != "review"}
    assert outdated(fewer, outputs) == outdated(outputs, fewer) == ["review"]


def test_what_is_recorded_is_read_again(outputs: dict[str, Output], tmp_path: Path) -> None:
    write_recorded(outputs, tmp_path / "outputs.json")
    assert read_recorded(tmp_path / "outputs.json") == outputs
    assert read_recorded(tmp_path / "none.json") == {}


SCORES = {"row": "a", "scores": [0.25, 1234.5, 0.75]}


@pytest.mark.parametrize(
    "last_bits",
    [{"scores": [0.25, 1234.5, 0.7500001]}, {"scores": [0.25, 1234.5001, 0.75]}, {"seconds": 3}, {"reply": "Hm."}],
)
def test_last_bits_and_measured_times_are_alike(last_bits: dict[str, Any]) -> None:
    assert part_of(SCORES | last_bits).is_like(part_of(SCORES))


@pytest.mark.parametrize(
    "news",
    [
        {"row": "b"},
        {"more": None},
        {"scores": [0.25, 1234.5, 0.76]},
        {"scores": [0.25, 1300.0, 0.75]},
        {"scores": [0.75, 1234.5, 0.25]},
        {"scores": [0.25, 1234.5]},
        {"scores": [0.25, 1234, 0.75]},
    ],
)
def test_another_text_number_order_or_type_is_not(news: dict[str, Any]) -> None:
    assert not part_of(SCORES | news).is_like(part_of(SCORES))


def test_a_part_that_is_new_or_gone_is_named() -> None:
    one, two = (Output("1", "same", dict.fromkeys(names, Part("", 0))) for names in ("ab", "bc"))
    assert one.differs_in(two) == two.differs_in(one) == ["a", "c"]


@pytest.fixture
def commit(tmp_path: Path) -> Callable[..., Output]:
    """commit(table, **how) is the output of a stage whose data/ holds the table, written by pyarrow in that way."""

    def commit(table: pa.Table, **how: Any) -> Output:
        store = ArtifactStore(tmp_path / str(len(list(tmp_path.iterdir()))))
        with store.building("trial", "print", resume=False) as partial:
            (partial / "data").mkdir()
            pq.write_table(table, partial / "data" / "part-00000.parquet", **how)
            manifest = {"stage": "trial", "version": "1", "fingerprint": "print", "inputs": {}, "config": {}}
            ledger = Ledger(rows_in=len(table), rows_out=len(table))
            return output_of(store.commit(partial, manifest | {"ledger": ledger, "metrics": {}}))

    return commit


def rows(score: float = 0.5, first: str = "a", type_: pa.DataType | None = None) -> pa.Table:
    names = pa.array([first, "b"], type_ or pa.string())
    return pa.table({"row_id": names, "evidence": [f'{{"score": {score}}}', None]})


def test_rows_are_compared_and_not_how_parquet_holds_them(commit: Callable[..., Output]) -> None:
    assert commit(rows(), compression="zstd") == commit(rows(), compression="none", row_group_size=1)
    assert commit(rows()).differs_in(commit(rows(first="c"))) == ["data"]
    assert commit(rows()).differs_in(commit(rows()[::-1])) == ["data"]
    assert commit(rows()).differs_in(commit(rows(type_=pa.large_string()))) == ["data"]


def test_a_score_in_the_evidence_is_a_number_like_any_other(commit: Callable[..., Output]) -> None:
    assert commit(rows()).differs_in(commit(rows(score=0.5000001))) == []
    assert commit(rows()).differs_in(commit(rows(score=0.6))) == ["data"]
