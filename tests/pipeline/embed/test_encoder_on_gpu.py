"""On a GPU the encoder says what it says on a CPU, and the stage's files hold it."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from configs.embed import Embed, Embedding
from pipeline.embed.device_processes import DeviceProcesses, Wanted
from pipeline.embed.encoder import Encoder
from pipeline.embed.shard_encoder import ShardEncoder
from pipeline.embed.shards import ShardedFile

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

MODEL = os.environ.get("PARLANCE_TEST_ENCODER", Embed().model)
TEXTS = [f"Text {n} {'has a number of words, ' * (n % 23)} and an end." for n in range(500)]


def test_vectors_of_texts_of_many_lengths_are_the_cpus():
    on_cpu, on_gpu = (Encoder(MODEL, device).encode_texts(TEXTS, 256) for device in ("cpu", "cuda"))
    assert (on_cpu * on_gpu).sum(1).min() > 0.9999


def test_the_same_texts_are_the_same_bytes():
    encoder = Encoder(MODEL, "cuda")
    assert encoder.encode_texts(TEXTS, 256).tobytes() == encoder.encode_texts(TEXTS, 256).tobytes()


def test_shards_that_other_processes_cut_hold_the_vectors_of_their_own_rows():
    ids = [f"{n:04x}" for n in range(len(TEXTS))]
    messages = [[{"role": "user", "content": text}] for text in TEXTS]
    table = pa.table({"row_id": ids, "messages": messages})
    shards = [(f"{n}", table.slice(50 * n, 50)) for n in range(10)]
    settings, written = Embed(model=MODEL, max_tokens=256), dict[str, pa.Table]()
    with ShardEncoder(settings, Embedding(device="cuda")) as encoder:
        assert list(encoder.write(shards, written.__setitem__))[-1] == len(TEXTS)
    found = pa.concat_tables(written[name] for name, _ in shards)
    assert found["row_id"].to_pylist() == ids
    vectors = found["vector"].combine_chunks().flatten().to_numpy().reshape(len(TEXTS), -1)
    assert (vectors * Encoder(MODEL, "cpu").encode_texts(TEXTS, 256)).sum(1).min() > 0.9999
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


@dataclass(frozen=True)
class Written:
    """Writes shards to a folder."""

    folder: Path

    def __call__(self, shard: int, table: pa.Table) -> None:
        pq.write_table(table, self.folder / f"{shard}.parquet")


two_gpus = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two GPUs")


@two_gpus
def test_any_gpu_gives_the_same_bytes():
    first, second = (Encoder(MODEL, f"cuda:{number}").encode_texts(TEXTS, 256) for number in range(2))
    assert first.tobytes() == second.tobytes()


@two_gpus
def test_which_gpu_is_the_current_one_is_left_alone():
    assert torch.cuda.current_device() == 0
    Encoder(MODEL, "cuda:1").encode_texts(TEXTS, 256)
    assert torch.cuda.current_device() == 0


@two_gpus
def test_two_gpus_leave_the_files_that_one_does(tmp_path):
    rows = [
        {"row_id": f"{n << 20:08x}", "messages": [{"role": "user", "content": TEXTS[n % 500]}]} for n in range(4096)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "part-0.parquet")
    settings = Embed(model=MODEL, shard_rows=64)
    shards = list(ShardedFile(tmp_path / "part-0.parquet", 64))
    one, two = Written(tmp_path / "one"), Written(tmp_path / "two")
    one.folder.mkdir()
    two.folder.mkdir()
    with ShardEncoder(settings, Embedding(device="cuda")) as encoder:
        assert list(encoder.write(((shard.number, shard.table) for shard in shards), one))[-1] == 4096
    with DeviceProcesses(["cuda:0", "cuda:1"], settings, Embedding(), two) as processes:
        wanted = [Wanted(s.file, s.number, s.table.num_rows, s.number) for s in shards]
        assert list(processes.encode(wanted))[-1] == 4096
    expected = {file.name: file.read_bytes() for file in one.folder.iterdir()}
    assert len(expected) == 64
    assert {file.name: file.read_bytes() for file in two.folder.iterdir()} == expected
