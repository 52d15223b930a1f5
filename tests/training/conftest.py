"""A model and packed documents small enough to check by eye."""

import os
from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.distributed as dist
from transformers import LlamaForCausalLM

from configs.model import Architecture
from training.data import Batch, packed_batch
from training.loss import SummedLoss
from training.model import llama_config

torch.set_num_threads(1)  # two threads that share busy cores spend their time waiting for each other

ARCHITECTURE = Architecture(
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    max_position_embeddings=128,
)
VOCABULARY = 50


@pytest.fixture
def model() -> SummedLoss:
    """Two layers, float32, seeded."""
    torch.manual_seed(0)
    return SummedLoss(LlamaForCausalLM(llama_config(ARCHITECTURE, VOCABULARY)))


@pytest.fixture(scope="session")
def one_rank() -> Iterator[None]:
    """DeepSpeed in this process, which is the only rank; it does not begin twice in one."""
    import deepspeed
    from deepspeed.comm import comm

    os.environ["LOCAL_RANK"] = "0"
    deepspeed.ops.__compatible_ops__ = {}  # or DeepSpeed compiles an operator that is not needed
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    deepspeed.init_distributed("gloo", auto_mpi_discovery=False)
    yield
    dist.destroy_process_group()
    comm.cdb = None
    del os.environ["LOCAL_RANK"]


@pytest.fixture
def documents() -> list[tuple[list[int], list[int]]]:
    """Three documents as (tokens, labels); the first token of each is never learned."""
    random = np.random.default_rng(1)
    made = []
    for size in (7, 5, 9):
        tokens = random.integers(0, VOCABULARY, size).tolist()
        labels = [t if i and random.random() < 0.6 else -100 for i, t in enumerate(tokens)]
        made.append((tokens, labels))
    return made


def packed(documents: list[tuple[list[int], list[int]]], length: int) -> Batch:
    """The documents as one packed sequence of `length` tokens."""
    pad = length - sum(len(tokens) for tokens, _ in documents)
    input_ids = [t for tokens, _ in documents for t in tokens] + [0] * pad
    document_ids = [n for n, (tokens, _) in enumerate(documents) for _ in tokens] + [-1] * pad
    learned = [label != -100 for _, labels in documents for label in labels] + [False] * pad
    return packed_batch(np.array([input_ids]), np.array([document_ids]), np.array([learned]))
