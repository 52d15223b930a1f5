"""What a deduplication knows from earlier ones: it compares new pairs only, and leaves what it would have left."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import run_stage
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.deduplicate import near_search
from pipeline.deduplicate.verdicts import Known, similarity_of, verdicts_of
from tests.artifacts import commit_parts
from tests.pipeline.deduplicate.test_deduplicate import CLEAN, misspell, row, sentence, unlike

Rows = list[dict[str, Any]]
Made = Callable[..., Artifact]


@pytest.fixture
def deduplicated(make_run: Callable[..., Run], tmp_path: Path) -> Made:
    """deduplicated(files, root, *overrides): the artifact over files of rows, under a root that may hold others."""
    runs = iter(range(100))

    def make(files: list[Rows], root: str, *overrides: str) -> Artifact:
        name = f"run-{next(runs)}"
        settings = [f"storage.root={tmp_path / root}", *overrides]
        run = make_run([[("user", name), ("assistant", "unused")]], settings, run_id=name)
        commit_parts(run, "clean", files, CLEAN)
        return run_stage(STAGES["deduplicate"], run)

    return make


@pytest.fixture
def files() -> list[Rows]:
    """Three files, with near duplicates in each and across them; the first has a chain, of which several stay."""
    random = Random(7)
    prompts = [(sentence(random, 8), sentence(random, 40)) for _ in range(12)]
    chain = [row(f"chain{i:02d}", prompts[0][0], misspell(prompts[0][1], *range(0, 2 * i, 2))) for i in range(13)]
    made = [[*unlike(20, "a"), *chain], unlike(20, "b"), unlike(20, "c")]
    for number, (prompt, reply) in enumerate(prompts):
        for file in {number % 3, number % 2}:
            made[file] += [row(f"{file}-{number:02d}-{i}", prompt, misspell(reply, i + 3 * file)) for i in range(2)]
    return made


def told(capsys: pytest.CaptureFixture[str]) -> tuple[int, int, int]:
    """(candidate pairs, those known from before, duplicates), as said."""
    [line] = [line for line in capsys.readouterr().out.splitlines() if "candidate pairs, " in line]
    return tuple(int(word) for word in line.replace(",", "").split() if word.isdigit())[:3]  # type: ignore[return-value]


def test_a_corpus_that_grew_compares_what_is_new(
    deduplicated: Made, files: list[Rows], capsys: pytest.CaptureFixture[str]
) -> None:
    deduplicated(files[:2], "grown")
    first, known, _ = told(capsys)
    assert first > 50
    assert known == 0
    grown = deduplicated(files, "grown")
    found, known, duplicates = told(capsys)
    assert known == first < found
    anew = deduplicated(files, "anew")
    assert told(capsys) == (found, 0, duplicates)
    assert grown.manifest["files"] == anew.manifest["files"]
    assert grown.ledger == anew.ledger
    assert grown.ledger.dropped["near_duplicate"] > 20
    assert grown.metrics["splits"] == anew.metrics["splits"]


def test_no_text_is_read_when_every_pair_is_known(
    deduplicated: Made, files: list[Rows], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deduplicated(files, "grown")
    first, _, duplicates = told(capsys)
    monkeypatch.setattr(near_search, "words_of", lambda *_: pytest.fail("a text was read"))
    grown = deduplicated([*files, unlike(10, "d")], "grown")
    assert told(capsys) == (first, first, duplicates)
    monkeypatch.undo()
    assert grown.manifest["files"] == deduplicated([*files, unlike(10, "d")], "anew").manifest["files"]


def test_spark_knows_what_one_process_left(
    deduplicated: Made, files: list[Rows], capsys: pytest.CaptureFixture[str]
) -> None:
    deduplicated(files[:2], "grown")
    first, _, _ = told(capsys)
    grown = deduplicated(files, "grown", "spark.from_rows=0")
    assert told(capsys)[1] == first
    assert grown.manifest["files"] == deduplicated(files, "anew").manifest["files"]


def test_files_in_another_order_and_twice(
    deduplicated: Made, files: list[Rows], capsys: pytest.CaptureFixture[str]
) -> None:
    deduplicated(files, "grown")
    first, _, _ = told(capsys)
    for number, changed in enumerate(([files[2], files[0], files[1]], [files[0], *files], [files[0], files[2]])):
        grown = deduplicated(changed, "grown")
        _, known, _ = told(capsys)
        assert 0 < known <= first
        assert grown.manifest["files"] == deduplicated(changed, f"anew{number}").manifest["files"]
        capsys.readouterr()


def test_what_does_not_decide_the_same_or_is_damaged_is_not_believed(
    deduplicated: Made, files: list[Rows], capsys: pytest.CaptureFixture[str]
) -> None:
    before = deduplicated(files, "grown")
    first, _, duplicates = told(capsys)
    deduplicated(files, "grown", "deduplicate.side_jaccard=0.5")
    assert told(capsys)[1] == 0
    for file in (before.path / "verdicts").iterdir():
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    deduplicated([*files, unlike(10, "d")], "grown")
    assert told(capsys) == (first, 0, duplicates)


def test_a_verdict_is_of_an_order() -> None:
    first, second = np.array([1, 7, 1]), np.array([5, 2, 5])
    known = Known(verdicts_of(first, second, np.array([9000, 0, 9000])))
    similarity, there = known.of(np.array([1, 5, 7, 2, 3]), np.array([5, 1, 2, 7, 4]))
    assert there.tolist() == [True, False, True, False, False]
    assert similarity.tolist() == [9000, 0, 0, 0, 0]
    assert Known(verdicts_of(first[:0], second[:0], first[:0])).of(first, second)[1].tolist() == [False] * 3


def test_similarities_keep_their_four_places() -> None:
    jaccard = np.round(np.random.default_rng(0).uniform(0.5, 1, 5000), 4)
    assert (similarity_of(jaccard, np.ones(5000, bool)) / 10_000 == jaccard).all()
    assert not similarity_of(jaccard, np.zeros(5000, bool)).any()
