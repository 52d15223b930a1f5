"""Where the state of training lies in the files that DeepSpeed wrote, whatever the ranks, ZeRO stage and precision.

Each trained parameter has three quantities in fp32: its weight and Adam's two moments. A frozen parameter, or a buffer,
has its weight only. Of each, some file or several hold stretches of the flattened tensor. Nothing of them is read here:
torch's archives say where in the file the bytes of a tensor begin.

Without ZeRO all lies in one file. With ZeRO 1 and 2 a rank's file holds its part of two flat tensors (matrices, then
vectors), and where in it each parameter begins. With ZeRO-3 each parameter is cut into as many equal parts as there are
ranks, and a rank's parts lie one after the other (DeepSpeed 0.19, utils/zero_to_fp32.py).
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from deepspeed.runtime.fp16.loss_scaler import DynamicLossScaler, LossScaler
from deepspeed.runtime.zero.config import ZeroStageEnum
from deepspeed.utils.tensor_fragment import fragment_address

WEIGHT, MOMENTS = "weight", ("exp_avg", "exp_avg_sq")
KNOWN = [DynamicLossScaler, LossScaler, ZeroStageEnum, fragment_address, set]
"""Classes in these files besides tensors and plain values; a damaged file can name no other."""

FILE_RANK = re.compile(r"zero_pp_rank_(\d+)_")

Names = list[list[str]]
"""The trained parameters as the optimizer has them: matrices, then vectors."""


@dataclass(frozen=True)
class Stretch:
    """`count` values of a flattened tensor from `offset` on, which begin at byte `begin` of a file."""

    file: str
    begin: int
    offset: int
    count: int
    dtype: torch.dtype


class SavedState:
    """What the files of one checkpoint hold."""

    def __init__(self, path: Path, names: Names) -> None:
        """Reads the tables of contents. Raises whatever a damaged file makes torch raise."""
        self._path, self._names = path, names
        self._stretches: dict[tuple[str, str], list[Stretch]] = defaultdict(list)
        models, optimizers = (sorted(path.glob(f"*{kind}_states.pt"), key=_rank) for kind in ("model", "optim"))
        contents = [self._contents(file) for file in models]
        trained = {name for group in names for name in group}
        whole = {name: tensor for name, tensor in contents[0]["module"].items() if tensor.numel()}  # none under ZeRO-3
        for name, tensor in whole.items():
            if name not in trained:
                self._add((WEIGHT, name), models[0], tensor, 0)
        if not optimizers:
            self._whole(models[0], contents[0])
        for file in optimizers:
            self._partitioned(file, self._contents(file)["optimizer_state_dict"], contents)
        for file, content in zip(models, contents, strict=True):
            for name, fragment in (content["frozen_param_fragments"] or {}).items():
                if name not in whole:
                    self._add((WEIGHT, name), file, fragment, _rank(file) * fragment.numel())

    def stretches(self, quantity: str, name: str, offset: int, count: int) -> Iterator[Stretch]:
        """Those that together are `count` values from `offset` on. Raises KeyError where some are nowhere."""
        found = 0
        for stretch in self._stretches[quantity, name]:
            first, end = max(offset, stretch.offset), min(offset + count, stretch.offset + stretch.count)
            if first < end:
                begin = stretch.begin + (first - stretch.offset) * stretch.dtype.itemsize
                found += end - first
                yield Stretch(stretch.file, begin, first, end - first, stretch.dtype)
        if found != count:
            raise KeyError(f"{self._path} holds {found} of {count} values of {quantity} of {name}")

    def _contents(self, file: Path) -> Any:
        with torch.serialization.safe_globals(KNOWN):
            return torch.load(file, map_location="meta", weights_only=True)

    def _add(
        self, key: tuple[str, str], file: Path, tensor: torch.Tensor, offset: int, first: int = 0, count: int = -1
    ) -> None:
        """The values first to first + count of the tensor are those of `key` from `offset` on."""
        storage = tensor.untyped_storage()._checkpoint_offset
        assert storage is not None
        begin = storage + (int(tensor.storage_offset()) + first) * tensor.dtype.itemsize
        count = tensor.numel() if count < 0 else count
        self._stretches[key].append(Stretch(file.name, begin, offset, count, tensor.dtype))

    def _whole(self, file: Path, content: Any) -> None:
        """Without ZeRO. In bf16 the optimizer has weights of its own, in fp32."""
        optimizer = content["optimizer"]
        masters = [tensor for group in optimizer.get("fp32_groups", []) for tensor in group]
        state = optimizer.get("optimizer_state_dict", optimizer)["state"]
        for number, name in enumerate(name for group in self._names for name in group):
            self._add((WEIGHT, name), file, masters[number] if masters else content["module"][name], 0)
            for moment in MOMENTS:
                self._add((moment, name), file, state[number][moment], 0)

    def _partitioned(self, file: Path, content: Any, models: list[Any]) -> None:
        """One rank's file; those of the ranks before have been added."""
        if "fp32_flat_groups" in content:  # ZeRO-3
            rank, ranks = _rank(file), len(models)
            weights, state = content["fp32_flat_groups"], content["optimizer_state_dict"]["state"]
            for number, shapes in enumerate(models[0]["param_shapes"]):
                begin = 0
                for name, shape in shapes.items():
                    part = -(-shape.numel() // ranks)
                    held = max(0, min(part, shape.numel() - rank * part))  # the rest is padding
                    self._quantities(file, name, weights[number], state[number], rank * part, begin, held)
                    begin += part
            return
        weights, state = content["single_partition_of_fp32_groups"], content["base_optimizer_state"]["state"]
        for number, fragments in enumerate(content["param_slice_mappings"]):
            for name, address in fragments.items():
                offset = sum(stretch.count for stretch in self._stretches[WEIGHT, name])
                self._quantities(file, name, weights[number], state[number], offset, address.start, address.numel)

    def _quantities(
        self, file: Path, name: str, weights: torch.Tensor, state: Any, offset: int, first: int, count: int
    ) -> None:
        self._add((WEIGHT, name), file, weights, offset, first, count)
        for moment in MOMENTS:
            self._add((moment, name), file, state[moment], offset, first, count)


def rank_of(name: str) -> int | None:
    """The rank that wrote a file; None of one that is all ranks'."""
    found = FILE_RANK.search(name)
    return int(found[1]) if found else None


def _rank(file: Path) -> int:
    return rank_of(file.name) or 0
