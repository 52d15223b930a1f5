"""From messages to the tokens that the model is given, as in training: text stays text, whatever it looks like."""

import json
from pathlib import Path
from typing import Any

from eval.checkpoint import load_tokenizer
from pipeline.contract.chat_format import RefusedError
from pipeline.contract.pretrained import common_names
from pipeline.contract.turns import encoder_of, stop_tokens
from serving.api_error import ApiError
from serving.dialogue_protocol import Message


class Prompts:
    """The tokenizer and chat template of a model folder.

    context: tokens that prompt and reply may have together. defaults: temperature and top_p of generation_config.json.
    """

    def __init__(self, folder: Path, context: int | None) -> None:
        tokenizer: Any = load_tokenizer(folder)
        self.tokenizer = tokenizer.backend_tokenizer
        self.stop = stop_tokens(tokenizer)
        self._encoder = encoder_of(tokenizer)
        config = _read(folder / "config.json")
        positions = common_names(config.get("text_config", config)).get("max_position_embeddings")
        given = (context, positions, tokenizer.model_max_length)
        self.context = min(limit for limit in given if limit)
        settings = _read(folder / "generation_config.json")
        sampled = settings.get("do_sample", False)
        self.defaults = {
            "temperature": float(settings.get("temperature") or 1.0) if sampled else 1.0,
            "top_p": float(settings.get("top_p") or 1.0) if sampled else 1.0,
        }

    def encode(self, messages: list[Message]) -> list[int]:
        """Tokens of the messages and of the header of the reply. Raises ApiError when the template refuses them."""
        (chat,) = self._encoder.encode([messages], reply=True)
        if isinstance(chat, RefusedError):
            raise ApiError(
                400, f"the model's chat template refuses these messages ({chat})", "messages_refused", "messages"
            )
        return chat.tokens

    def count(self, messages: list[Message]) -> int:
        """Tokens of `encode`."""
        return len(self.encode(messages))


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
