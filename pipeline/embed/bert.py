"""BERT's encoder in plain torch: what most small sentence encoders are.

Written out because importing it from transformers costs 10 s of every process that embeds one phrase
(torch alone: 3 s), and because it runs texts of many lengths one after the other instead of padded to one.
Agrees with sentence-transformers to 1e-6 (tests/pipeline/embed/test_encoder.py).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, scaled_dot_product_attention

from pipeline.contract.cpu_products import linear

Pair = tuple[Tensor, Tensor]
"""A weight and its bias."""


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

    def _layer(self, w: dict[str, Tensor], prefix: str) -> dict[str, Pair]:
        def pair(name: str) -> Pair:
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

    def __call__(self, ids_T: Tensor, lengths: list[int], starts: Tensor) -> Tensor:
        """Last hidden states [T, H] of token ids [T], which are N texts one after the other.

        lengths: of each text. starts: where each starts, and the end, int32 [N + 1]. Texts of one length should be
        neighbours: on CPUs each run of them is attended to at once.
        """
        attention = _attention(lengths, starts)
        tokens, width = len(ids_T), self._words.shape[1]
        x_TH = self._words[ids_T] + self._positions[_positions(starts, tokens)]
        x_TH = layer_norm(x_TH, (width,), *self._first_norm, self._epsilon)
        for layer in self._layers:
            qkv_3TND = linear(x_TH, *layer["qkv"]).view(tokens, 3, self._heads, -1).transpose(0, 1)
            mixed_TH = attention(*qkv_3TND).reshape(tokens, width)
            x_TH += linear(mixed_TH, *layer["out"])
            x_TH = layer_norm(x_TH, (width,), *layer["attention_norm"], self._epsilon)
            inner = linear(linear(x_TH, *layer["up"], gelu=True), *layer["down"])
            x_TH = layer_norm(inner.add_(x_TH), (width,), *layer["norm"], self._epsilon)
        return x_TH


def _positions(starts: Tensor, tokens: int) -> Tensor:
    """Of each token [T], within its text."""
    counted = torch.arange(tokens, device=starts.device)
    return counted - torch.repeat_interleave(starts[:-1], starts.diff(), output_size=tokens)


def _attention(lengths: list[int], starts: Tensor) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """A function from query, key and value [T, heads, width] to the same shape, within each text."""
    if starts.device.type == "cuda":
        longest = max(lengths)
        dropout, causal, debug = 0.0, False, False

        def packed(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            flash = torch.ops.aten._flash_attention_forward
            return flash(q, k, v, starts, starts, longest, longest, dropout, causal, debug)[0]

        return packed
    runs: list[list[int]] = []  # [length, texts]
    for length in lengths:
        if runs and runs[-1][0] == length:
            runs[-1][1] += 1
        else:
            runs.append([length, 1])
    sizes = [length * texts for length, texts in runs]

    def by_run(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        mixed = []
        for (length, texts), *qkv in zip(runs, *(x.split(sizes) for x in (q, k, v)), strict=True):
            parts = (x.view(texts, length, *x.shape[1:]).transpose(1, 2) for x in qkv)
            mixed.append(scaled_dot_product_attention(*parts).transpose(1, 2).flatten(0, 1))
        return torch.cat(mixed)

    return by_run
