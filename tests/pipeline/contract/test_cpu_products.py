"""oneDNN's products are torch's, forward and backward, up to the order of sums."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.contract.cpu_products import linear, product, use_onednn


def close(found: Tensor | None, expected: Tensor | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(7, 33), (2, 5, 33), (1, 33), (0, 33)])
@pytest.mark.parametrize("biased", [True, False])
def test_value_and_gradients_of_a_linear_map(shape, biased):
    torch.manual_seed(0)
    inputs = [torch.randn(shape), torch.randn(19, 33), torch.randn(19)][: 3 if biased else 2]
    results = []
    for function in (linear, functional.linear):
        x, weight, *bias = (t.clone().requires_grad_() for t in inputs)
        y = function(x, weight, bias[0] if bias else None)
        y.backward(torch.ones_like(y).cumsum(-1))
        results.append([y, *(t.grad for t in (x, weight, *bias))])
    for found, expected in zip(*results, strict=True):
        assert close(found, expected)


def test_a_frozen_weight_gets_no_gradient_and_the_input_does():
    x, weight = torch.randn(4, 8, requires_grad=True), torch.randn(3, 8)
    linear(x, weight).sum().backward()
    assert close(x.grad, weight.sum(0).expand(4, 8))
    assert weight.grad is None


def test_gelu_on_top_is_by_erf():
    x, weight, bias = torch.randn(4, 8), torch.randn(3, 8), torch.randn(3)
    assert close(linear(x, weight, bias, gelu=True), functional.gelu(functional.linear(x, weight, bias)))


def test_products_of_transposed_matrices_and_into_a_given_one():
    a, b = torch.randn(5, 7), torch.randn(5, 3)
    assert close(product(a.T, b), a.T @ b)
    out = torch.empty(9, 3)
    product(a.T, b, out=out[1:8])
    assert close(out[1:8], a.T @ b)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_types_go_torchs_way(dtype):
    x, weight = torch.randn(4, 8, dtype=dtype), torch.randn(3, 8, dtype=dtype)
    assert torch.equal(linear(x, weight), functional.linear(x, weight))
    assert torch.equal(product(x, weight.T), x @ weight.T)


def test_a_model_computes_by_it_and_keeps_its_hooks():
    model = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 2))
    x = torch.randn(3, 8)
    expected = model(x)
    seen = []
    model[0].register_forward_pre_hook(lambda module, _: seen.append(module))
    use_onednn(model)
    assert close(model(x), expected)
    assert seen == [model[0]]
