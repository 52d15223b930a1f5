"""A decoder's blocks, by whatever name its class keeps them."""

from typing import Any

from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from configs.errors import UserError


def blocks(model: PreTrainedModel) -> Any:
    """The nn.ModuleList of layers that the residual stream passes: `layers` of most, `h` of GPT-2's family.

    Raises UserError for a model that has none.
    """
    decoder = model.get_decoder()
    for name in ("layers", "h"):
        found = getattr(decoder, name, None)
        if isinstance(found, nn.ModuleList) and all(isinstance(layer, GradientCheckpointingLayer) for layer in found):
            return found
    raise UserError(f"model.pretrained: a {type(model).__name__} has no list of decoder layers; choose another model")
