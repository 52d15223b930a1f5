"""A run against the champion's artifacts: what is compared, what is kept, and when nothing is."""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from configs.load import load_profile
from pipeline.contract.run import Run
from pipeline.drift.corpus import READ, Corpus, of_artifacts
from pipeline.drift.drift import DRIFT, NONE_YET, OWN, measure_drift, read_drift, tell
from tests.pipeline.drift.corpora import corpus, hold, reign


def begin(root: Path, name: str, *settings: str) -> Run:
    data = root.parent / "chats.jsonl"
    data.write_text('{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n')
    given = [f"storage.root={root}", "drift.resamples=200", *settings]
    return Run.begin(load_profile("scratch", given, str(data)), name)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def test_a_corpus_is_read_back_as_it_was(root: Path) -> None:
    of = corpus(60)
    run = hold(begin(root, "first"), of)
    found = of_artifacts(run.artifact, 1000)
    order = pc.sort_indices(of.kept["row_id"])
    assert found.rows == 60
    assert found.kept["row_id"].equals(of.kept["row_id"].take(order))
    assert np.allclose(found.vectors_ND, of.vectors_ND[order.to_numpy()], atol=1e-6)
    assert found.topic_N is not None
    assert of.topic_N is not None
    assert found.topic_N.tolist() == of.topic_N[order.to_numpy()].tolist()


def test_a_sample_is_the_same_share_of_every_artifact_and_of_corpora_that_share_rows(root: Path) -> None:
    of = corpus(2000)
    found = of_artifacts(hold(begin(root, "first"), of).artifact, 500)
    assert 400 < found.kept.num_rows < 600
    assert len(found.vectors_ND) == found.kept.num_rows
    assert found.topic_N is not None
    assert len(found.topic_N) == found.kept.num_rows
    assert found.kept["row_id"].to_pylist() == sorted(of.kept["row_id"].to_pylist())[: found.kept.num_rows]


def test_without_a_champion_nothing_is_compared_and_that_is_said(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = hold(begin(root, "first"), corpus(60))
    found = measure_drift(run)
    assert found["why"] == NONE_YET
    tell(found)
    assert NONE_YET in capsys.readouterr().out
    reign(run)
    assert measure_drift(run)["why"] == OWN


def later(root: Path, of: Corpus, *settings: str) -> Run:
    """A run of other data, after a champion was made of a first run's."""
    reign(hold(begin(root, "first"), corpus(600, seed=1)))
    return hold(begin(root, "later", "clean.rules.min_chars=3", *settings), of)


def test_a_shift_is_found_told_and_kept(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = later(root, corpus(600, seed=2, german=0.3))
    found = measure_drift(run)
    assert [(f["severity"], f["subject"]) for f in found["findings"]] == [("warning", "languages")]
    assert found["version"] == 3
    assert read_drift(run) == found
    tell(found)
    assert "drift: warning: languages: " in capsys.readouterr().out


def test_what_was_compared_is_not_compared_again(root: Path) -> None:
    run = later(root, corpus(600, seed=2))
    before = measure_drift(run)
    written = (run.folder / DRIFT).stat().st_mtime_ns
    assert measure_drift(run) == before
    assert (run.folder / DRIFT).stat().st_mtime_ns == written
    reign(run)
    assert measure_drift(run)["why"] == OWN, "another champion is another question"


def test_a_damaged_record_is_made_anew(root: Path) -> None:
    run = later(root, corpus(300, seed=2))
    before = measure_drift(run)
    text = (run.folder / DRIFT).read_text()
    (run.folder / DRIFT).write_text(text.replace("topics", "tonics"))
    assert read_drift(run) is None
    assert measure_drift(run) == before


def test_a_champion_whose_vectors_are_gone_is_named(root: Path) -> None:
    import shutil

    run = later(root, corpus(100, seed=2))
    first = Run.open(root, "first")
    shutil.rmtree(first.artifact("embed").path)
    assert measure_drift(run)["why"] == "what the champion was made from is gone: embed"


def test_no_fingerprint_depends_on_the_champion(root: Path) -> None:
    run = later(root, corpus(100, seed=2))
    before = {name: run.fingerprint(name) for name in READ}
    measure_drift(run)
    reign(run)
    assert {name: Run(run.folder).fingerprint(name) for name in READ} == before


def test_the_command_measures_and_says_where_it_lies(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline.cli import main

    run = later(root, corpus(300, seed=2, german=0.4))
    assert main(["drift", "--root", str(root), "--run", "later"]) == 0
    said = capsys.readouterr().out
    assert "drift: warning: languages: " in said
    assert str(run.folder / DRIFT) in said
