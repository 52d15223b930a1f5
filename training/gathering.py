"""What ZeRO-3 gathers for layers that read the weights of modules that they do not call.

DeepSpeed gathers what a module owns when that is called, forward and backward, and fused layers call none of theirs. A
parameter that is registered with another module is gathered and released with that one, in one collective, is fetched
ahead as any other, and its gradient is reduced as soon as it is there.

Not by DeepSpeed's leaf modules: those reduce gradients when the gradient of their input is known, and where the input
needs none (the first layer beside a frozen embedding) that is before there are any.
"""

from collections.abc import Iterable
from typing import Any

import deepspeed
from torch import nn

from configs.memory import LIVE_PARAMETERS, PREFETCHED


def gather_whole(layers: Iterable[nn.Module]) -> None:
    """Each of the layers with all that lies in it."""
    for layer in layers:
        for parameter in layer.parameters():
            deepspeed.zero.register_external_parameter(layer, parameter)


def prefetching(module: nn.Module) -> dict[str, int]:
    """Of DeepSpeed's `zero_optimization`, what lets one whole layer come while the one before is computed.

    Empty without such layers, and for those that fit DeepSpeed's own limits.
    """
    layers: list[Any] = [part for part in module.modules() if hasattr(part, "ds_external_parameters")]
    largest = max((sum(p.numel() for _, p in layer.ds_external_parameters()) for layer in layers), default=0)
    wanted = {"stage3_prefetch_bucket_size": largest, "stage3_max_live_parameters": 2 * largest}
    limits = {"stage3_prefetch_bucket_size": PREFETCHED, "stage3_max_live_parameters": LIVE_PARAMETERS}
    return {key: size for key, size in wanted.items() if size > limits[key]}
