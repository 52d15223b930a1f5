"""Texts of one's own as vectors: examples of what is wanted, items that a model is measured by, texts of a query."""

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from configs.embed import Embed
from configs.errors import UserError
from pipeline.embed.encoder import Encoder
from pipeline.embed.segmenter import Segmenter
from pipeline.rows.schema import MESSAGES
from pipeline.rows.turns import Turn
from pipeline.selection.vectors import conversations, quantised

KEY = "balance.selection.examples"
AT_ONCE = 1 << 12
FORM = "JSON Lines of `text` or `messages`, or CSV with a column `text`"


def examples_of(path: Path) -> list[list[Turn]]:
    """The conversations of a file of examples; a text is a turn of the user's. Raises UserError naming file and row."""
    found = list(_examples(path))
    if not found:
        raise UserError(f"{KEY}: {path} holds no examples; give some, as {FORM}")
    return found


def _examples(path: Path) -> Iterator[list[Turn]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows: Iterable[Any] = (
                csv.DictReader(file) if path.suffix == ".csv" else map(json.loads, filter(str.strip, file))
            )
            for number, row in enumerate(rows, 1):
                turns = _turns(row)
                if not any(content.strip() for _, content in turns):
                    raise UserError(f"{KEY}: {path}, row {number}: no text; the file must be {FORM}")
                yield turns
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{KEY}: {path}: cannot be read ({error}); give a file of {FORM}") from error
    except (csv.Error, json.JSONDecodeError) as error:
        raise UserError(f"{KEY}: {path}: is neither CSV (.csv) nor JSON Lines ({error}); save it again") from error


def _turns(row: Any) -> list[Turn]:
    """The turns of a row; none where it is no example."""
    if not isinstance(row, dict):
        return []
    if isinstance(row.get("text"), str):
        return [("user", row["text"])]
    messages = row.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return []
    return [(str(message.get("role")), str(message.get("content") or "")) for message in messages]


class ConversationEncoder:
    """Conversations as embed encodes them: a vector each, quantised."""

    def __init__(self, settings: Embed, device: str, batch_size: int) -> None:
        self._encoder = Encoder(settings.model, device, batch_size)
        self._segmenter = Segmenter(self._encoder.folder, settings.max_tokens, settings.max_segments)

    def __call__(self, conversations: Iterable[list[Turn]]) -> np.ndarray:
        """int16 [N, D]."""
        rest = iter(conversations)
        found = [np.empty((0, self._encoder.dimensions), np.int16)]
        while some := list(islice(rest, AT_ONCE)):
            found.append(self._block(some))
        return np.concatenate(found)

    def _block(self, talks: list[list[Turn]]) -> np.ndarray:
        said = [[{"role": role, "content": content} for role, content in turns] for turns in talks]
        numbers = pa.array([f"{number:08d}" for number in range(len(talks))])
        cut = self._segmenter(pa.table({"row_id": numbers, "messages": pa.array(said, MESSAGES)}))
        _, sums_ND = conversations(cut.with_vectors(self._encoder.encode(cut.tokens)))
        return quantised(sums_ND)
