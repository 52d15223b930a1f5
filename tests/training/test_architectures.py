"""Whatever decoder is fine-tuned, training computes the loss and the gradients of transformers' own model of it."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM

from configs.errors import UserError
from configs.model import Lora
from configs.size import architecture_of, parameters
from tests.training.families import FAMILIES, KEEP_THEIR_ATTENTION, VOCABULARY, WINDOW, random_model, saved
from tests.training.jobs import small_job
from training.agreement import settle_attention
from training.attention import NAME
from training.data import Batch, packed_batch
from training.job_config import JobConfig
from training.loss import SummedLoss
from training.model import build_model
from training.trainable_tokens import train_tokens

CPU = torch.device("cpu")
LENGTHS = (23, 5, 30)
"""Of the documents: longer and shorter than a sliding layer's window."""

assert min(LENGTHS) < WINDOW < max(LENGTHS)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> JobConfig:
    made = small_job(tmp_path_factory.mktemp("architectures"), {}, {"ranks": 1})
    return made.model_copy(update={"architecture": None})


@pytest.fixture(scope="module")
def documents() -> list[torch.Tensor]:
    random = np.random.default_rng(3)
    return [torch.from_numpy(random.integers(3, VOCABULARY, size)) for size in LENGTHS]


def packed(documents: list[torch.Tensor]) -> Batch:
    """All in one sequence, every token learned, six of padding."""
    input_ids = torch.cat([*documents, torch.zeros(6, dtype=torch.int64)]).numpy()[None]
    numbers = np.repeat([*range(len(documents)), -1], [*map(len, documents), 6])[None]
    return packed_batch(input_ids, numbers, numbers >= 0)


def one_by_one(model: torch.nn.Module, documents: list[torch.Tensor]) -> torch.Tensor:
    """The summed loss by transformers' forward pass, of a document at a time, which none other can leak into."""
    losses = [
        F.cross_entropy(model(input_ids=d[None], use_cache=False).logits[0, :-1], d[1:], reduction="sum")
        for d in documents
    ]
    return torch.stack(losses).sum()


@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_gradients_are_those_of_transformers_own_forward_pass(
    family: str, job: JobConfig, documents: list[torch.Tensor], tmp_path: Path
) -> None:
    folder = saved(family, tmp_path)
    trained = SummedLoss(build_model(job.model_copy(update={"pretrained": str(folder)}), CPU))
    loss = trained(**packed(documents))
    loss.backward()
    own = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    expected = one_by_one(own, documents)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert (trained.model.config._attn_implementation == NAME) == (family not in KEEP_THEIR_ATTENTION)
    gradients = {name: p.grad for name, p in own.named_parameters()}
    for name, parameter in trained.model.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("mamba", {"num_hidden_layers": 2, "state_size": 8}),  # a state runs from one document into the next
        ("bloom", {"n_layer": 2, "n_head": 4}),  # positions by ALiBi, counted over the sequence
        ("bert", {"is_decoder": True}),  # positions from 0 only, and a head of several layers
    ],
)
def test_what_would_be_trained_on_another_function_is_refused_by_name(
    family: str, settings: dict[str, object], job: JobConfig, tmp_path: Path
) -> None:
    folder = saved(family, tmp_path, **settings)
    with pytest.raises(
        UserError, match=rf"^model\.pretrained: .* is a {family.title()}\w+, whose loss on packed docum"
    ):
        build_model(job.model_copy(update={"pretrained": str(folder)}), CPU)


def test_a_window_that_its_layers_do_not_tell_attention_of_counts_where_sequences_are_longer() -> None:
    for sequence_length, implementation in ((100, NAME), (101, "sdpa")):
        model = random_model("qwen2_moe", attn_implementation=NAME, sliding_window=100)
        settle_attention(model, "a model", sequence_length)
        assert model.config._attn_implementation == implementation


def test_adapters_name_the_layers_that_a_family_has(job: JobConfig, tmp_path: Path) -> None:
    phi = job.model_copy(update={"pretrained": str(saved("phi3", tmp_path)), "lora": Lora(target_modules=("q_proj",))})
    with pytest.raises(
        UserError, match=r"no linear layer 'q_proj'; it has: down_proj, gate_up_proj, o_proj, qkv_proj$"
    ):
        build_model(phi, CPU)
    adapted = build_model(phi.model_copy(update={"lora": Lora(target_modules=("qkv_proj",))}), CPU)
    assert {n.split(".lora_")[0].rpartition(".")[2] for n, p in adapted.named_parameters() if p.requires_grad} == {
        "qkv_proj"
    }


def test_rows_of_new_tokens_begin_where_a_scaled_embedding_has_them(documents: list[torch.Tensor]) -> None:
    model = random_model("gemma2", attn_implementation=NAME)
    module = SummedLoss(model)
    before = module(**packed(documents)).item()
    train_tokens(model, tuple(int(token) for token in documents[0][:4]))
    assert module(**packed(documents)).item() == pytest.approx(before, rel=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_familys_sizes_are_read(family: str) -> None:
    """MFU and the memory of a micro-batch are worked out from these, as if it were a Llama."""
    model = random_model(family)
    count = parameters(architecture_of(model.config), VOCABULARY)
    assert 0.4 < count / model.num_parameters() < 1.6 or "moe" in family or "oss" in family
