"""Where one rank keeps its part of the state of training, whatever the ZeRO stage and the precision.

The quantities are those of training/saved_state.py. DeepSpeed gives the optimizer fp32 tensors, and makes the model's
weights from them; what is put into these comes to the model by `give_to_model`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine

from training.saved_state import MOMENTS, WEIGHT, Names


@dataclass(frozen=True)
class Place:
    """The values of a flattened parameter from `offset` on, as many as `tensor`, which is flat, has room for."""

    quantity: str
    name: str
    offset: int
    tensor: torch.Tensor


def trained_names(engine: DeepSpeedEngine) -> Names:
    """Matrices, then vectors, as training/optimizer.py puts them."""
    trained = [(name, p) for name, p in engine.module.named_parameters() if p.requires_grad]
    matrices = [name for name, p in trained if len(getattr(p, "ds_shape", p.shape)) >= 2]
    return [matrices, [name for name, _ in trained if name not in matrices]]


def places(engine: DeepSpeedEngine, step: int) -> list[Place]:
    """All that this rank keeps. Adam's moments are as after so many steps, and are made where none are."""
    found = list(_untrained(engine))
    for name, offset, flat, begin, count in _trained(engine):
        state = _state(engine, flat, step)
        for quantity, tensor in ((WEIGHT, flat.detach()), *((moment, state[moment]) for moment in MOMENTS)):
            found.append(Place(quantity, name, offset, tensor.view(-1)[begin : begin + count]))
    return found


def give_to_model(engine: DeepSpeedEngine) -> None:
    """The model's weights become those that the optimizer has. On all ranks."""
    optimizer: Any = engine.optimizer
    if engine.zero_optimization_stage() == 3:
        flats, masters = optimizer.fp16_partitioned_groups_flat, optimizer.fp32_partitioned_groups_flat
        for flat, master, parts in zip(flats, masters, optimizer.fp16_partitioned_groups, strict=True):
            flat.data.copy_(master.data)
            for part, weight in zip(parts, optimizer.unflatten(flat, parts), strict=True):
                part.data = weight.data
        optimizer.checkpoint_event_epilogue()
    elif engine.zero_optimization_stage():
        optimizer.update_lp_params()
    else:
        parameters = dict(engine.module.named_parameters())
        for name, _, master, _, _ in _trained(engine):
            parameters[name].data.copy_(master.data)


def _trained(engine: DeepSpeedEngine) -> Iterator[tuple[str, int, torch.Tensor, int, int]]:
    """(parameter, offset in it, the optimizer's tensor, where it begins there, how many values)."""
    optimizer: Any = engine.optimizer
    groups: list[dict[str, Any]] = engine.basic_optimizer.param_groups
    names = {p: name for name, p in engine.module.named_parameters()}
    if engine.zero_optimization_stage() == 3:
        rank, flats = dist.get_rank(), optimizer.fp32_partitioned_groups_flat
        for parameters, flat in zip(optimizer.fp16_groups, flats, strict=True):
            begin = 0
            for p in parameters:
                part = p.ds_tensor.ds_numel
                if (held := min(part, p.ds_numel - rank * part)) > 0:  # the rest is padding
                    yield names[p], rank * part, flat, begin, held
                begin += part
    elif engine.zero_optimization_stage():
        for p, name in names.items():
            if (link := getattr(p, "_hp_mapping", None)) is not None:
                (flat,) = groups[link.param_group_index]["params"]
                here, there = link.hp_fragment_address, link.lp_fragment_address
                yield name, there.start, flat, here.start, here.numel
    else:
        held = [p for group in groups for p in group["params"]]
        for name, p in zip((name for group in trained_names(engine) for name in group), held, strict=True):
            yield name, 0, p, 0, p.numel()


def _state(engine: DeepSpeedEngine, flat: torch.Tensor, step: int) -> dict[str, torch.Tensor]:
    """Adam's of one of the optimizer's tensors."""
    state: dict[str, torch.Tensor] = engine.basic_optimizer.state[flat]
    state["step"] = torch.tensor(float(step), device=flat.device)
    for moment in MOMENTS:
        if moment not in state:
            state[moment] = torch.zeros_like(flat)
    return state


def _untrained(engine: DeepSpeedEngine) -> Iterator[Place]:
    """Frozen weights, of which ZeRO-3 keeps a rank's part, and the buffers that checkpoints hold."""
    for name, p in engine.module.named_parameters():
        if p.requires_grad:
            continue
        if hasattr(p, "ds_tensor"):
            offset = dist.get_rank() * p.ds_tensor.ds_numel
            held = max(0, min(p.ds_tensor.ds_numel, p.ds_numel - offset))
            yield Place(WEIGHT, name, offset, p.ds_tensor.detach().view(-1)[:held])
        else:
            yield Place(WEIGHT, name, 0, p.detach().view(-1))
    kept = engine.module.state_dict().keys()
    for name, buffer in engine.module.named_buffers():
        if name in kept:
            yield Place(WEIGHT, name, 0, buffer.view(-1))
