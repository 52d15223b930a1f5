"""The sentence encoder: from token ids to unit vectors.

Loads a sentence-transformers folder without importing sentence-transformers, which takes 15 s; torch
alone takes 3 s.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from configs.errors import UserError
from pipeline.embed.bert import Bert
from pipeline.embed.model_folder import ModelFolder
from pipeline.embed.segmenter import Segmenter, TokenLists

BATCH_TOKENS = {"cpu": 2048, "cuda": 1 << 17}
"""CPU: more do not fit into a core's cache, fewer leave it waiting. GPU: fewer leave it waiting. benchmarks/embed.py"""


class Encoder:
    """A transformer, its tokenizer and its pooling.

    name: package:NAME, a folder, or a hub name. device: auto, cpu or cuda. batch_size: most
    segments encoded at once. Raises UserError naming embed.model or embedding.device.
    """

    def __init__(self, name: str, device: str = "auto", batch_size: int = 4096) -> None:
        self.folder = ModelFolder(name)
        self._device = torch.device(_device(device))
        self._batch_size = batch_size
        self.dimensions: int = self.folder.config["hidden_size"]
        with self._current():
            self._hidden = _transformer(self.folder, self._device)

    def _current(self) -> AbstractContextManager[object]:
        """In which the device is torch's current one: else pinned memory is the first GPU's, and takes room there."""
        return nullcontext() if self._device.index is None else torch.cuda.device(self._device)

    @property
    def on_cpu(self) -> bool:
        return self._device.type == "cpu"

    @property
    def rowwise(self) -> bool:
        """Whether a text's vector is the same to the last bit whatever it is encoded beside.

        oneDNN's products on CPUs, and what Bert does besides, compute each row alone and in one order
        (tests/pipeline/embed/test_encoder.py); a GPU's change with the size of the batch.
        """
        return self.on_cpu and isinstance(self._hidden, Bert)

    def encode(self, tokens: TokenLists) -> np.ndarray:
        """Unit vectors [N, D] float32."""
        return self.begin(tokens)()

    @torch.inference_mode()
    def begin(self, tokens: TokenLists) -> Callable[[], np.ndarray]:
        """Starts to encode; what is returned waits for the unit vectors [N, D] float32.

        On a GPU the work goes on meanwhile. Sorted by length and batched, so the same list gives the same bytes;
        another grouping of the same segments may differ in the last bits.
        """
        with self._current():
            return self._begun(tokens)

    def _begun(self, tokens: TokenLists) -> Callable[[], np.ndarray]:
        starts = np.cumsum(tokens.lengths_N) - tokens.lengths_N
        order = np.argsort(tokens.lengths_N, kind="stable")[::-1]  # a batch that does not fit the memory fails at once
        parts = []
        for batch in self._batches(order, tokens.lengths_N):
            lengths = tokens.lengths_N[batch]
            within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            parts.append(self._pooled(tokens.ids_T[np.repeat(starts[batch], lengths) + within], lengths))
        sorted_ND = torch.cat(parts) if parts else torch.empty(0, self.dimensions)
        if self.on_cpu:
            return lambda: _unsorted(sorted_ND.numpy(), order)
        arrived = torch.empty(sorted_ND.shape, pin_memory=True).copy_(sorted_ND, non_blocking=True)
        done = torch.cuda.Event()
        done.record(torch.cuda.current_stream(self._device))

        def wait() -> np.ndarray:
            done.synchronize()
            return _unsorted(arrived.numpy(), order)

        return wait

    def encode_texts(self, texts: list[str], max_tokens: int = 128) -> np.ndarray:
        """Unit vectors [N, D] float32 of whole texts, each cut after max_tokens."""
        segmenter = Segmenter(self.folder, max_tokens, 1_000_000)
        return self.encode(segmenter.tokens([found[0] for found in segmenter.segments([[text] for text in texts])]))

    def _batches(self, order: np.ndarray, lengths_N: np.ndarray) -> Iterator[np.ndarray]:
        at = 0
        while at < len(order):
            fits = max(1, BATCH_TOKENS[self._device.type] // int(lengths_N[order[at]]))
            size = min(fits, self._batch_size)
            yield order[at : at + size]
            at += size

    def _pooled(self, ids_T: np.ndarray, lengths_B: np.ndarray) -> Tensor:
        starts = self._on_device(np.concatenate([[0], np.cumsum(lengths_B)]).astype(np.int32))
        x_TD = self._hidden(self._on_device(ids_T), lengths_B.tolist(), starts)
        if self.folder.pools_first_token:
            pooled_BD = x_TD[starts[:-1]].float()
        else:
            pooled_BD = torch.segment_reduce(x_TD.float(), "mean", offsets=starts.long(), unsafe=True)
        return torch.nn.functional.normalize(pooled_BD, dim=1)

    def _on_device(self, values: np.ndarray) -> Tensor:
        if self.on_cpu:
            return torch.from_numpy(values)
        pinned = torch.empty(values.shape, dtype=torch.int32, pin_memory=True)
        pinned.numpy()[:] = values
        return pinned.to(self._device, non_blocking=True)


def _unsorted(sorted_ND: np.ndarray, order: np.ndarray) -> np.ndarray:
    vectors_ND = np.empty_like(sorted_ND)
    vectors_ND[order] = sorted_ND
    return vectors_ND


def _transformer(folder: ModelFolder, device: torch.device) -> Callable[[Tensor, list[int], Tensor], Tensor]:
    """What Bert is: from ids [T] of texts one after the other to hidden states [T, D]. Half precision on a GPU."""
    dtype = torch.float32 if device.type == "cpu" else torch.float16
    weights, config = folder.path / "model.safetensors", folder.config
    if config["model_type"] == "bert" and config.get("hidden_act") == "gelu" and weights.is_file():
        with safe_open(weights, framework="pt") as file:
            return Bert({key: file.get_tensor(key) for key in file.keys()}, config, str(device), dtype)  # noqa: SIM118
    from transformers import AutoModel

    try:
        model: Any = AutoModel.from_pretrained(folder.path, dtype=dtype, local_files_only=True).eval().to(device)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"embed.model: {folder.name}: cannot be loaded ({reason})") from error

    def hidden(ids_T: Tensor, lengths: list[int], starts: Tensor) -> Tensor:
        mask_BT = torch.arange(max(lengths), device=device)[None, :] < starts.diff()[:, None]
        ids_BT = torch.full(mask_BT.shape, folder.pad, device=device, dtype=torch.long)
        ids_BT[mask_BT] = ids_T.long()
        return model(input_ids=ids_BT, attention_mask=mask_BT.long()).last_hidden_state[mask_BT]

    return hidden


def _device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("embedding.device: cuda is set and no GPU is visible; set auto or cpu")
    return device


def devices_of(device: str) -> list[str]:
    """The devices that `embedding.device` names, as it names one: of auto and cuda all GPUs that are visible."""
    if device in ("auto", "cuda") and (gpus := torch.cuda.device_count()) > 1:
        return [f"cuda:{number}" for number in range(gpus)]
    return [device]
