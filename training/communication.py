"""How long a rank waits for collectives."""

import time
from collections.abc import Callable
from typing import Any

import torch
from deepspeed.comm import comm

COLLECTIVES = (
    "all_reduce",
    "all_reduce_coalesced",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "all_gather",
    "all_gather_into_tensor",
    "broadcast",
)

Span = tuple["torch.cuda.Event", "torch.cuda.Event"]


class CommunicationClock:
    """Times every collective that goes through DeepSpeed's communication backend, which is all of a step's.

    On CPU: wall time inside the call, or inside the wait for an asynchronous one; waiting for a slower rank
    counts. On a GPU: two events around it on the stream that waits, so that nothing is synchronised; a
    collective on a stream of DeepSpeed's own (overlap_comm) counts though computing goes on beside it.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._seconds = 0.0
        self._spans: list[Span] = []
        for name in COLLECTIVES:
            setattr(comm.cdb, name, self._timed(getattr(comm.cdb, name)))

    def take(self) -> Callable[[], float]:
        """What was measured since the last call; the function gives its seconds, once the device is through."""
        seconds, spans = self._seconds, self._spans
        self._seconds, self._spans = 0.0, []
        return lambda: seconds + _seconds(spans)

    def time(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """The result of the call, timed."""
        if self._device.type == "cuda":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            result = call(*arguments, **named)
            end.record()
            self._spans.append((begin, end))
            return result
        started = time.perf_counter()
        result = call(*arguments, **named)
        self._seconds += time.perf_counter() - started
        return result

    def _timed(self, collective: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            work = self.time(collective, *arguments, **named)
            return None if work is None else _Work(work, self)

        return call


class _Work:
    """The handle of an asynchronous collective, whose wait is timed."""

    def __init__(self, work: Any, clock: CommunicationClock) -> None:
        self._work, self._clock = work, clock

    def wait(self, *arguments: Any, **named: Any) -> Any:
        return self._clock.time(self._work.wait, *arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)


def _seconds(spans: list[Span]) -> float:
    """Seconds that at least one span covers."""
    if not spans:
        return 0.0
    first = spans[0][0]
    for _, end in spans:
        end.synchronize()
    edges = sorted((first.elapsed_time(begin), first.elapsed_time(end)) for begin, end in spans)
    covered, until = 0.0, edges[0][0]
    for begin_ms, end_ms in edges:
        covered += max(0.0, end_ms - max(begin_ms, until))
        until = max(until, end_ms)
    return covered / 1000
