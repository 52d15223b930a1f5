"""Forward passes beside each other on a CPU: one of a small model keeps one core busy and little of a second one."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 4
"""At most, as each has memory of its own."""


def side_by_side(compute: Callable[[T], R], items: Iterable[T], model: Any) -> Iterator[R]:
    """compute(item) of each item, in their order; on a CPU several at once, in threads that share torch's out.

    torch's modes are a thread's own: `compute` enters no_grad or inference_mode itself. model: what computes; one whose
    rotary frequencies follow the longest sequence so far changes as it computes, and goes through one item at a time.
    """
    threads = torch.get_num_threads()
    rotary = getattr(model.config.get_text_config(), "rope_parameters", None) or {}
    renewed = rotary.get("rope_type") in ("dynamic", "longrope")
    at_once = min(AT_ONCE, threads) if model.device.type == "cpu" and not renewed else 1
    if at_once == 1:
        yield from map(compute, items)
        return
    waiting = deque[Future[R]]()
    try:
        with ThreadPoolExecutor(at_once, initializer=torch.set_num_threads, initargs=(threads // at_once,)) as pool:
            for item in items:
                waiting.append(pool.submit(compute, item))
                if len(waiting) > at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    finally:
        torch.set_num_threads(threads)  # it is the process's too, where products are MKL's
