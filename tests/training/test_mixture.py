"""Sources with weights, from packed files to the batches of ranks: each keeps its share, whoever counts."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from pipeline.contract.execute import execute
from tests.training.jobs import small_job
from tests.training.tokenised import begin_run
from training.arrow import arrow_copy
from training.data import PackedSequences
from training.job_config import JobConfig
from training.lineage import trained
from training.order import global_batch
from training.prefetch import Prefetch, rank_batch

LENGTH = 64
MIX = {"chats": 1.0, "forum": 2.0, "manual": 1.0}
COUNTS = {"chats": 30, "forum": 20, "manual": 5}


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> JobConfig:
    """55 sequences of three sources in two files; the first token of each is the number of its source in MIX."""
    folder = tmp_path_factory.mktemp("mixture")
    random = np.random.default_rng(1)
    rows = []
    for source, count in COUNTS.items():
        for learned in random.integers(1, LENGTH, count):
            tokens = [list(MIX).index(source)] * LENGTH
            labels = [-100] * (LENGTH - learned) + [5] * learned
            rows.append({"input_ids": tokens, "labels": labels, "document_ids": [0] * LENGTH, "source": source})
    (folder / "packed").mkdir()
    types = {name: pa.list_(pa.int32()) for name in ("input_ids", "labels", "document_ids")} | {"source": pa.string()}
    for part in (0, 1):
        table = pa.Table.from_pylist(rows[part::2], pa.schema(types))
        pq.write_table(table, folder / "packed" / f"part-0000{part}.parquet")
    arrow_copy(folder / "packed", folder / "mixed" / "train", LENGTH, lambda: None, mix=[*MIX])
    train = {"steps": 40, "batch_tokens": 4 * LENGTH}
    return small_job(folder, train, {"ranks": 2, "micro_batch": 2}).model_copy(
        update={"mix": MIX, "sequences": folder / "mixed"}
    )


@pytest.fixture
def data(job: JobConfig) -> PackedSequences:
    return PackedSequences(job.sequences / "train")


def test_each_source_has_its_share_of_the_learned_tokens_at_every_step(job: JobConfig, data: PackedSequences) -> None:
    seen = np.zeros(3)
    for step in range(1, 41):
        batch = data.batch(data.indices(job, step), 4)
        source_of = batch["input_ids"][:, 0].numpy()
        rows = batch["kept"].numpy() // LENGTH
        seen += np.bincount(source_of[rows], minlength=3)
        assert np.abs(seen - np.array([0.25, 0.5, 0.25]) * seen.sum()).max() <= LENGTH


def test_ranks_and_resumed_runs_take_the_same_sequences(job: JobConfig, data: PackedSequences) -> None:
    with Prefetch(job, data, 1, 0, torch.device("cpu")) as batches:
        whole = list(batches)
    resumed = PackedSequences(job.sequences / "train")
    with Prefetch(job, resumed, 25, 0, torch.device("cpu")) as batches:
        for batch in batches:
            for part, other in zip(batch.batches, whole[batch.step - 1].batches, strict=True):
                assert torch.equal(part["input_ids"], other["input_ids"])
    alone = job.model_copy(update={"world_size": 1})
    for step in (1, 7, 30):
        one = [part["input_ids"] for part in rank_batch(alone, resumed, step, 0).batches]
        two = [part["input_ids"] for rank in (0, 1) for part in rank_batch(job, data, step, rank).batches]
        assert torch.equal(torch.cat(one), torch.cat(two))


def test_without_weights_all_sequences_are_one_permutation(job: JobConfig, data: PackedSequences) -> None:
    plain = job.model_copy(update={"mix": {}})
    assert data.mixture(plain) is None
    assert data.indices(plain, 3).tolist() == global_batch(3, 4, 55, job.seed).tolist()


def test_without_weights_the_copied_files_do_not_name_sources(job: JobConfig, tmp_path: Path) -> None:
    arrow_copy(job.sequences.parent / "packed", tmp_path, LENGTH, lambda: None)
    with pa.ipc.open_stream(tmp_path / "part-00000.arrow") as stream:
        assert stream.schema.names == ["input_ids", "learned", "document_ids", "learned_tokens"]


def test_a_run_tells_what_it_took_of_each_source_and_explain_in_which_epochs(tmp_path: Path) -> None:
    data = tmp_path / "raw.jsonl"
    data.write_text("{}\n")
    sources = [{"name": name, "path": str(data), "weight": weight} for name, weight in (("big", 1), ("small", 9))]
    settings = [f"acquire.sources={json.dumps(sources)}", "launch.ranks=1", "train.steps=24", "train.patience=99"]
    run = begin_run(tmp_path / "root", settings, data)
    (artifact,) = execute(run, "train")
    mix = artifact.json("training.json")["mix"]
    assert {name: of["asked"] for name, of in mix.items()} == {"big": 0.1, "small": 0.9}
    assert mix["small"]["seen"] == pytest.approx(0.9, abs=64 / 3000)
    assert mix["small"]["epochs"] > 1 > mix["big"]["epochs"]
    packed = run.artifact("tokenise").read("packed/train").to_table(columns=["row_ids", "source"]).to_pylist()
    rows = {source: [row for p in packed if p["source"] == source for row in p["row_ids"]] for source in mix}
    told = {source: ["".join(trained(run, row)) for row in of_source] for source, of_source in rows.items()}
    assert all(line.startswith("learned from in epoch") for line in told["small"])
    assert any(line.startswith("learned from in epochs 1, 2") for line in told["small"])
    missed = sum(line.startswith("not reached") for line in told["big"])
    assert 0 < missed < len(told["big"])
