"""Scores an earlier model on the test set of today."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from eval.checkpoint import load_model, load_tokenizer
from eval.losses import BATCH_TOKENS, ConversationLoss, conversation_losses, split_losses
from eval.packed import PackedBatch, read_packed, sequence_count, sequence_length
from eval.turn_reader import TurnReader
from pipeline.contract.artifact import Artifact
from pipeline.contract.chat_format import RefusedError
from pipeline.contract.fingerprint import file_sha256
from pipeline.contract.progress import Progress
from pipeline.contract.tokenised import PADDING, UNLEARNED
from pipeline.contract.turns import encoder_of

Tokenizer = PreTrainedTokenizerBase
Recode = Callable[[np.ndarray, np.ndarray, Tokenizer, Tokenizer], tuple[list[int], list[int]]]
"""(tokens, labels, today's tokenizer, the earlier one) of a document to its tokens and labels by the earlier one."""


class ForeignMarkersError(Exception):
    """The earlier tokenizer does not know the markers that end a turn here, and they do not tell the messages that it
    could be given instead; its losses would mean nothing."""


def rescore(model_folder: Path, tokenise: Artifact) -> tuple[dict[str, ConversationLoss], bool]:
    """(row_id to loss, whether tokens can be compared) of the model in `model_folder` on today's test split.

    With the same tokenizer, the packed sequences serve as they are. With another, the same texts,
    learned where they are learned today, are tokenised anew: losses are then comparable by byte only. A model that
    marks turns otherwise is given the same messages in its own chat template. Raises ForeignMarkersError when today's
    tokens do not tell the messages, UserError when the model does not load.
    """
    model, own, today = load_model(model_folder), load_tokenizer(model_folder), load_tokenizer(_tokenizer(tokenise))
    if file_sha256(model_folder / "tokenizer.json") == file_sha256(_tokenizer(tokenise) / "tokenizer.json"):
        return split_losses(model, own, tokenise, "test"), True
    recode = recoded if not (missing := _missing_markers(tokenise, today, own)) else retold_by(today, own, missing)
    at_once = max(1, BATCH_TOKENS[model.device.type] // sequence_length(tokenise))
    with Progress("promote: champion's losses", sequence_count(tokenise, "test"), "documents") as progress:
        batches = (tokenise_anew(batch, today, own, recode) for batch in read_packed(tokenise, "test", at_once))
        return conversation_losses(model, own, batches, progress), False


def tokenise_anew(
    batch: PackedBatch, today: PreTrainedTokenizerBase, own: PreTrainedTokenizerBase, recode: Recode
) -> PackedBatch:
    """The same documents in another tokenizer's tokens, one a sequence, padded to the longest."""
    encoded: list[tuple[str, list[int], list[int]]] = []
    for i, row_ids in enumerate(batch.row_ids):
        for document, row_id in enumerate(row_ids):
            inside = batch.document_ids[i] == document
            ids, labels = recode(batch.input_ids[i][inside], batch.labels[i][inside], today, own)
            encoded.append((row_id, ids, labels))
    width = max((len(ids) for _, ids, _ in encoded), default=1)
    shape = (len(encoded), width)
    input_ids, labels_BL = np.zeros(shape, np.int64), np.full(shape, UNLEARNED, np.int64)
    document_ids = np.full(shape, PADDING, np.int64)
    for i, (_, ids, labels) in enumerate(encoded):
        input_ids[i, : len(ids)], labels_BL[i, : len(ids)], document_ids[i, : len(ids)] = ids, labels, 0
    positions = np.where(document_ids == 0, np.arange(width), 0)
    return PackedBatch(input_ids, labels_BL, positions, document_ids, [[row_id] for row_id, _, _ in encoded])


def recoded(
    ids: np.ndarray, labels: np.ndarray, today: PreTrainedTokenizerBase, own: PreTrainedTokenizerBase
) -> tuple[list[int], list[int]]:
    """Runs of learned and of other tokens are recoded one by one, so that the border stays where it is.

    Special tokens become the same special tokens; text that only looks like one stays text.
    """
    numbers = own.get_vocab()
    markers = {number: numbers[token] for token, number in today.get_added_vocab().items() if token in numbers}
    new_ids: list[int] = []
    new_labels: list[int] = []
    for (learned, is_marker), run in _runs(ids, labels != UNLEARNED, np.isin(ids, list(markers))):
        if is_marker:
            recoded = [markers[number] for number in run]
        else:
            recoded = own.encode(today.decode(run), add_special_tokens=False, split_special_tokens=True)
        new_ids += recoded
        new_labels += recoded if learned else [UNLEARNED] * len(recoded)
    return new_ids, new_labels


def _runs(ids: np.ndarray, *kinds: np.ndarray) -> Iterator[tuple[tuple[bool, ...], list[int]]]:
    """Neighbours that are alike in every kind."""
    each = zip(zip(*(kind.tolist() for kind in kinds), strict=True), ids.tolist(), strict=True)
    for alike, pairs in groupby(each, key=lambda pair: pair[0]):
        yield alike, [token for _, token in pairs]


def retold_by(today: PreTrainedTokenizerBase, own: PreTrainedTokenizerBase, missing: list[str]) -> Recode:
    """The same messages in the earlier model's own chat template."""
    encoder = encoder_of(own)
    try:
        reader = TurnReader(encoder_of(today), lambda ids: str(today.decode(ids)))
    except RefusedError as error:
        raise ForeignMarkersError(f"{', '.join(missing)}, and {error}") from error

    def retold(ids: np.ndarray, labels: np.ndarray, *_: Tokenizer) -> tuple[list[int], list[int]]:
        try:
            messages, cut = reader.read(ids.tolist(), (labels != UNLEARNED).tolist())
        except RefusedError as error:
            raise ForeignMarkersError(f"{', '.join(missing)}, and {error}") from error
        (chat,) = encoder.encode([messages])
        if isinstance(chat, RefusedError):
            raise ForeignMarkersError(f"{', '.join(missing)}, and {chat}")
        if cut:
            chat.turns[-1] = replace(chat.turns[-1], end=[], gap=[])
        tokens = chat.tokens
        return tokens, [token if counts else UNLEARNED for token, counts in zip(tokens, chat.mask, strict=True)]

    return retold


def _missing_markers(tokenise: Artifact, today: PreTrainedTokenizerBase, own: PreTrainedTokenizerBase) -> list[str]:
    """Special tokens of the test split that the earlier tokenizer lacks."""
    used: set[int] = set()
    for batch in read_packed(tokenise, "test", 1024):
        used |= set(np.unique(batch.input_ids[batch.document_ids != PADDING]).tolist())
    markers = [token for token, token_id in today.get_added_vocab().items() if token_id in used]
    return sorted(set(markers) - set(own.get_vocab()))


def _tokenizer(tokenise: Artifact) -> Path:
    return tokenise.path / "tokenizer"
