"""BERT's encoder in plain torch: what most small sentence encoders are.

Written out because importing it from transformers costs 10 s of every process that embeds one phrase
(torch alone: 3 s). Agrees with sentence-transformers to 1e-6 (tests/pipeline/embed/test_encoder.py).
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention


class Bert:
    """The transformer of Devlin et al. 2018 (arXiv:1810.04805), for inference.

    weights: tensors of a BertModel checkpoint, by their names there. config: its config.json.
    Raises KeyError when the checkpoint is not one of BertModel.
    """

    def __init__(self, weights: dict[str, Tensor], config: dict[str, Any], device: str, dtype: torch.dtype) -> None:
        w = {name.removeprefix("bert."): t.to(device, dtype) for name, t in weights.items() if t.is_floating_point()}
        self._heads: int = config["num_attention_heads"]
        self._epsilon: float = config["layer_norm_eps"]
        self._words = w["embeddings.word_embeddings.weight"]
        # every token is of type 0, so its embedding can be added to the positions once
        self._positions = w["embeddings.position_embeddings.weight"] + w["embeddings.token_type_embeddings.weight"][0]
        self._first_norm = w["embeddings.LayerNorm.weight"], w["embeddings.LayerNorm.bias"]
        self._layers = [self._layer(w, f"encoder.layer.{i}.") for i in range(config["num_hidden_layers"])]

    def _layer(self, w: dict[str, Tensor], prefix: str) -> dict[str, tuple[Tensor, Tensor]]:
        def pair(name: str) -> tuple[Tensor, Tensor]:
            return w[f"{prefix}{name}.weight"], w[f"{prefix}{name}.bias"]

        query, key, value = (pair(f"attention.self.{name}") for name in ("query", "key", "value"))
        return {
            "qkv": (torch.cat([query[0], key[0], value[0]]), torch.cat([query[1], key[1], value[1]])),
            "out": pair("attention.output.dense"),
            "attention_norm": pair("attention.output.LayerNorm"),
            "up": pair("intermediate.dense"),
            "down": pair("output.dense"),
            "norm": pair("output.LayerNorm"),
        }

    def __call__(self, ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
        """Last hidden states [B, T, H] of token ids [B, T]; mask is true on tokens, false on padding."""
        batch, length = ids_BT.shape
        x_BTH = self._words[ids_BT] + self._positions[:length]
        width = x_BTH.shape[-1]
        x_BTH = layer_norm(x_BTH, (width,), *self._first_norm, self._epsilon)
        attend = None if bool(mask_BT.all()) else mask_BT[:, None, None, :]
        for layer in self._layers:
            qkv = linear(x_BTH, *layer["qkv"]).view(batch, length, 3, self._heads, width // self._heads)
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            mixed_BHTK = scaled_dot_product_attention(q, k, v, attn_mask=attend)
            mixed = mixed_BHTK.transpose(1, 2).reshape(batch, length, width)
            x_BTH = layer_norm(x_BTH + linear(mixed, *layer["out"]), (width,), *layer["attention_norm"], self._epsilon)
            inner = linear(gelu(linear(x_BTH, *layer["up"])), *layer["down"])
            x_BTH = layer_norm(x_BTH + inner, (width,), *layer["norm"], self._epsilon)
        return x_BTH
