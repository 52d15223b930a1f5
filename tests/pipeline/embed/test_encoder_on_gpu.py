"""On a GPU the encoder says what it says on a CPU, and the stage's files hold it."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from configs.embed import Embed, Embedding
from pipeline.contract.finished import Finished
from pipeline.embed.embed import write_vectors
from pipeline.embed.encoder import Encoder

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

MODEL = os.environ.get("PARLANCE_TEST_ENCODER", Embed().model)
TEXTS = [f"Text {n} {'has a number of words, ' * (n % 23)} and an end." for n in range(500)]


def test_vectors_of_texts_of_many_lengths_are_the_cpus():
    on_cpu, on_gpu = (Encoder(MODEL, device).encode_texts(TEXTS, 256) for device in ("cpu", "cuda"))
    assert (on_cpu * on_gpu).sum(1).min() > 0.9999


def test_the_same_texts_are_the_same_bytes():
    encoder = Encoder(MODEL, "cuda")
    assert encoder.encode_texts(TEXTS, 256).tobytes() == encoder.encode_texts(TEXTS, 256).tobytes()


def test_shards_that_other_processes_cut_hold_the_vectors_of_their_own_rows(tmp_path):
    ids = [f"{n:04x}" for n in range(len(TEXTS))]
    messages = [[{"role": "user", "content": text}] for text in TEXTS]
    table = pa.table({"row_id": ids, "messages": messages})
    shards = [(tmp_path / f"part-{n}.parquet", table.slice(50 * n, 50)) for n in range(10)]
    finished = Finished(tmp_path / "finished.journal", tmp_path)
    settings = Embed(model=MODEL, max_tokens=256)
    assert list(write_vectors(shards, settings, Embedding(device="cuda"), finished))[-1] == len(TEXTS)
    assert all(finished.has(file) for file, _ in shards)
    found = pa.concat_tables(pq.read_table(file) for file, _ in shards)
    assert found["row_id"].to_pylist() == ids
    vectors = found["vector"].combine_chunks().flatten().to_numpy().reshape(len(TEXTS), -1)
    assert (vectors * Encoder(MODEL, "cpu").encode_texts(TEXTS, 256)).sum(1).min() > 0.9999
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
