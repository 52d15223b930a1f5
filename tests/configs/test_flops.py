"""The floating-point operations that MFU is a share of."""

import pytest

from configs.flops import flops_per_token, peak_flops
from configs.load import load_architecture

LLAMA = load_architecture("llama-3.2-3b")
WEIGHTS = 3_212_749_824


def test_a_token_costs_six_operations_a_weight_and_twelve_a_position_and_layer() -> None:
    assert flops_per_token(LLAMA, 4096) == 6 * WEIGHTS + 12 * 28 * 3072 * 4096
    assert flops_per_token(LLAMA, 4096, causal=True) == 6 * WEIGHTS + 6 * 28 * 3072 * 4096
    assert flops_per_token(LLAMA, 4096, frozen=True) == 4 * WEIGHTS + 12 * 28 * 3072 * 4096


def test_an_untied_input_embedding_is_a_lookup_and_costs_nothing() -> None:
    untied = LLAMA.model_copy(update={"tie_word_embeddings": False})
    assert flops_per_token(untied, 4096) == flops_per_token(LLAMA, 4096)


@pytest.mark.parametrize(
    ("name", "teraflops"),
    [
        ("NVIDIA H200", 989),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA L40S", 362),
    ],
)
def test_the_peak_is_that_of_the_data_sheet_without_sparsity(name: str, teraflops: float) -> None:
    assert peak_flops(name) == teraflops * 1e12


def test_an_unknown_gpu_has_no_peak() -> None:
    assert peak_flops("NVIDIA A10G") is None
