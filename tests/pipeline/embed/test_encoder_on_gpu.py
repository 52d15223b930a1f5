"""On a GPU the encoder says what it says on a CPU, and the stage's files hold it."""

import os

import numpy as np
import pyarrow as pa
import pytest
import torch

from configs.embed import Embed, Embedding
from pipeline.embed.encoder import Encoder
from pipeline.embed.shard_encoder import ShardEncoder

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
