"""The rows of a few tokens, trained while the rest of the embedding and of the head stays frozen.

For adapters on pretrained weights whose tokenizer lacks the markers of our chat template: their rows are new and
random, so a model that never learns them never ends a reply. peft calls them trainable tokens, and reads what
`adapter_rows` gives. A row lies in a small matrix of its own, so that neither gradients nor the optimizer's states
of the whole vocabulary are held.
"""

from types import MethodType
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedModel

ROWS = "trainable_rows"
"""Name of the parameter beside the frozen `weight` of an embedding or a head: float, [tokens, width]."""

State = dict[str, torch.Tensor]


def train_tokens(model: PreTrainedModel, ids: tuple[int, ...]) -> None:
    """Gives the tokens `ids` rows of their own in the embedding and in the head, one and the same where those are tied.

    They begin as the rows that they take the place of. Training reads the head's in training/loss.py.
    """
    embedding: Any = model.get_input_embeddings()
    head: Any = model.get_output_embeddings()
    index = torch.tensor(ids, device=embedding.weight.device)
    tied = head.weight is embedding.weight
    for module in (embedding, head):
        rows = embedding.trainable_rows if tied and module is head else nn.Parameter(module.weight.detach()[index])
        module.register_parameter(ROWS, rows)
        module.register_buffer("trainable_ids", index, persistent=False)
    # As the embedding's own forward, so that what hangs on modules (ZeRO-3 collects weights there) still works.
    embedding.forward = MethodType(_embed, embedding)


def _embed(embedding: Any, input_ids: torch.Tensor) -> torch.Tensor:
    """[batch, length] to [batch, length, width]; Gemma scales what it looks up."""
    frozen_BLD = type(embedding).forward(embedding, input_ids)
    is_row_BLN = input_ids[..., None] == embedding.trainable_ids
    rows_BLD = is_row_BLN.to(embedding.trainable_rows.dtype) @ embedding.trainable_rows
    if hasattr(embedding, "embed_scale"):
        rows_BLD = rows_BLD * torch.as_tensor(embedding.embed_scale, dtype=rows_BLD.dtype, device=rows_BLD.device)
    return torch.where(is_row_BLN.any(-1, keepdim=True), rows_BLD, frozen_BLD)


def logits(head: Any, hidden_BLD: torch.Tensor) -> torch.Tensor:
    """[batch, length, vocabulary], by the rows where there are some; for generation, as the forward of a head."""
    found_BLV = F.linear(hidden_BLD, head.weight, head.bias)
    if hasattr(head, ROWS):
        found_BLV[..., head.trainable_ids] = hidden_BLD @ head.trainable_rows.T
    return found_BLV


def with_rows(state: State, ids: tuple[int, ...]) -> State:
    """The weights of a model without rows apart that computes the same."""
    whole = {name: weight for name, weight in state.items() if not name.endswith(f".{ROWS}")}
    for name in state.keys() - whole.keys():
        weight = f"{name.removesuffix(ROWS)}weight"
        whole[weight] = state[weight].index_copy(0, torch.tensor(ids), state[name])
    return whole


def adapter_rows(state: State) -> State:
    """The rows alone, under the names that PeftModel.from_pretrained expects."""
    return {
        f"base_model.model.{name.removesuffix(ROWS)}token_adapter.trainable_tokens_delta": rows.contiguous()
        for name, rows in state.items()
        if name.endswith(f".{ROWS}")
    }


def token_indices(state: State, ids: tuple[int, ...]) -> dict[str, list[int]] | None:
    """What peft's `trainable_token_indices` says of them: the modules that have rows apart, and whose they are."""
    modules = [name.removesuffix(f".{ROWS}").rpartition(".")[2] for name in state if name.endswith(f".{ROWS}")]
    return {module: list(ids) for module in modules} or None
