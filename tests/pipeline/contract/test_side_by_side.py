"""Forward passes beside each other."""

from collections.abc import Iterator
from threading import Barrier, current_thread
from types import SimpleNamespace

import pytest
import torch
from transformers import LlamaConfig

from pipeline.contract.side_by_side import side_by_side

CPU = SimpleNamespace(device=torch.device("cpu"), config=LlamaConfig())


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_two_are_under_way_at_once_in_their_order_and_torch_has_its_threads_again() -> None:
    both = Barrier(2, timeout=60)  # broken unless two wait for each other

    def compute(item: int) -> tuple[int, int]:
        both.wait()
        return item, torch.get_num_threads()

    assert list(side_by_side(compute, iter(range(6)), CPU)) == [(item, 1) for item in range(6)]
    assert torch.get_num_threads() == 2


def test_one_thread_computes_where_the_caller_is() -> None:
    torch.set_num_threads(1)
    assert list(side_by_side(lambda item: (item, current_thread()), [5], CPU)) == [(5, current_thread())]


@pytest.mark.usefixtures("two_threads")
def test_a_model_that_changes_as_it_computes_does_one_at_a_time() -> None:
    rotary = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10_000.0}
    model = SimpleNamespace(device=CPU.device, config=LlamaConfig(rope_parameters=rotary))
    assert list(side_by_side(lambda item: (item, current_thread()), [5], model)) == [(5, current_thread())]


@pytest.mark.usefixtures("two_threads")
def test_what_a_pass_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda item: 1 // item, [1, 0, 1, 1, 1], CPU))
    assert torch.get_num_threads() == 2
