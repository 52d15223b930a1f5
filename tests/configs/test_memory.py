"""Training memory: states by ZeRO stage to the byte, and what must grow and shrink."""

import pytest

from configs.load import load_architecture
from configs.memory import MemoryEstimate, checkpoint_copy_bytes, largest_micro_batch, memory_estimate
from configs.model import Architecture
from configs.size import lora_parameters, parameters

SMALL = Architecture(
    hidden_size=8,
    intermediate_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=4,
    vocab_size=100,
)
LLAMA = load_architecture("llama-3.2-3b")


def of(zero_stage: int, ranks: int = 4, **settings: object) -> MemoryEstimate:
    values: dict = {"micro_batch": 4, "sequence_length": 4096, "checkpointing": "none", "precision": "bf16"} | settings
    return memory_estimate(LLAMA, 128_256, ranks, zero_stage, **values)


def test_parameters_by_hand_and_of_the_reference_model() -> None:
    layer = 8 * 8 + 2 * 8 * 4 + 8 * 8 + 3 * 8 * 16 + 2 * 8
    assert parameters(SMALL, 0) == 100 * 8 + 2 * layer + 8
    assert parameters(SMALL.model_copy(update={"tie_word_embeddings": False}), 0) == 200 * 8 + 2 * layer + 8
    assert parameters(LLAMA, 0) == 3_212_749_824


@pytest.mark.parametrize(
    ("stage", "weights", "gradients", "optimizer"),
    [
        (0, 2, 2, 12),  # bf16 weights and gradients; master weights and two moments in fp32
        (1, 2, 4, 12 / 4),  # fp32 gradients, to accumulate in
        (2, 2, 4 / 4, 12 / 4),
        (3, 2 / 4, 4 / 4, 12 / 4),
    ],
)
def test_bytes_a_parameter_of_bf16_on_four_ranks(
    stage: int, weights: float, gradients: float, optimizer: float
) -> None:
    count = parameters(LLAMA, 0)
    found = of(stage)
    apart = 2 * 128_256 * 3072 if stage == 1 else 0  # of the embedding there is a bf16 gradient too
    expected = (weights * count, gradients * count + apart, optimizer * count)
    assert (found.weights, found.gradients, found.optimizer) == expected


def test_zero_3_gathers_beside_its_share_frozen_weights_too() -> None:
    """Up to DeepSpeed's limit, and once more the largest, the head: it copies that out of the buffer that it came in."""
    gathered = 2 * (1_000_000_000 + 128_256 * 3072)
    assert of(3).buffers - of(2).buffers == gathered
    assert of(3, lora=16).buffers - of(2, lora=16).buffers == gathered
    assert of(3, ranks=1).buffers == of(2, ranks=1).buffers  # which has the weights


def test_zero_3_holds_two_fused_layers_however_large() -> None:
    large = LLAMA.model_copy(update={"hidden_size": 16_384, "intermediate_size": 53_248, "num_attention_heads": 128})
    layer = 2 * 16_384 * (16_384 + 1024) + 3 * 16_384 * 53_248 + 2 * 16_384
    two, three = (memory_estimate(large, 128_256, 64, stage, 1, 4096, "full", "bf16").buffers for stage in (2, 3))
    assert three - two == 2 * (2 * layer + layer)


def test_fp32_without_zero_has_no_second_copy_of_the_weights() -> None:
    count = parameters(LLAMA, 0)
    found = of(0, precision="fp32")
    assert (found.weights, found.gradients, found.optimizer) == (4 * count, 4 * count, 8 * count)


def test_activations_of_one_token_and_layer_by_hand() -> None:
    """Two norms keep input and output (and a statistic), attention q, k, v and o, the feed-forward two tensors."""
    one = memory_estimate(SMALL, 0, 1, 0, 1, 1, "none", "bf16")
    layer = 2 * (2 * 2 * 8 + 4) + 2 * (2 * 8 + 2 * 4) + 4 * 2 + 2 * 2 * 16
    ends = 2 * 3 * 8 + 2 * 8
    assert one.activations == 2 * layer + ends


def test_activations_grow_with_the_micro_batch_and_shrink_with_recomputation() -> None:
    none, selective, full = (of(2, checkpointing=c).activations for c in ("none", "selective", "full"))
    assert none > selective > full
    assert selective - full == pytest.approx((none - full) / 2)
    assert of(2, micro_batch=8).activations == 2 * none


@pytest.mark.parametrize(
    ("ranks", "checkpointing", "measured"), [(1, "none", 98.2e9), (2, "none", 78.9e9), (1, "full", 66.1e9)]
)
def test_measured_peaks_of_the_reference_model_are_met_within_a_twentieth(
    ranks: int, checkpointing: str, measured: float
) -> None:
    """On H200: ZeRO-1, micro-batch 4, sequences of 4,096, bf16 (docs/training.md)."""
    assert of(1, ranks=ranks, checkpointing=checkpointing).total == pytest.approx(measured, rel=0.05)


def test_adapters_train_little_and_keep_the_frozen_weights() -> None:
    count, trained = parameters(LLAMA, 0), lora_parameters(LLAMA, 16)
    found = of(2, lora=16)
    assert trained == 28 * 16 * (2 * (3072 + 3072) + 2 * (3072 + 1024) + 3 * (3072 + 8192))
    assert found.weights == 2 * (count + trained)
    assert found.optimizer == 12 * trained / 4


def test_the_largest_micro_batch_is_the_last_that_fits() -> None:
    def largest(capacity: float, **more: object) -> int:
        settings: dict = {"sequence_length": 4096, "checkpointing": "none", "precision": "bf16"} | more
        return largest_micro_batch(LLAMA, 128_256, 4, 2, capacity_bytes=int(capacity), **settings)

    assert largest(10e9) == 0
    assert largest(80e9) >= 1
    assert largest(80e9, checkpointing="full") > largest(80e9)
    edge = largest(141e9)
    outside = 1_500_000_000
    assert of(2, micro_batch=edge).total + outside <= 141e9 < of(2, micro_batch=edge + 1).total + outside


@pytest.mark.parametrize(
    ("stage", "ranks", "bytes_a_parameter"),
    [
        (0, 1, 2 + 2 + 12),
        (0, 8, 2 + 2 + 12),  # rank 0 writes all of it
        (1, 1, 2 + 2 + 12),
        (1, 8, 2 + 2 + 12),  # all eight parts lie on this machine
        (1, 16, 2 + 2 + 12 / 2),  # half of them do
        (3, 16, 12 / 2),
    ],
)
def test_the_copy_of_a_checkpoint_is_what_the_ranks_of_a_machine_write(
    stage: int, ranks: int, bytes_a_parameter: float
) -> None:
    found = checkpoint_copy_bytes(LLAMA, 128_256, ranks, 8, stage, "bf16")
    assert found == pytest.approx(bytes_a_parameter * parameters(LLAMA, 0))


def test_with_adapters_the_copy_holds_the_frozen_weights_and_the_adapters_states() -> None:
    trained = lora_parameters(SMALL, 4, ("q_proj",))
    found = checkpoint_copy_bytes(SMALL, 0, 1, 1, 1, "fp32", lora=4, lora_targets=("q_proj",))
    assert found == 2 * 4 * (parameters(SMALL, 0) + trained) + 12 * trained
