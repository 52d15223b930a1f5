"""The loss of a model on each conversation of the packed sequences."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from configs.errors import UserError
from eval.packed import PackedBatch, read_packed, sequence_count, sequence_length
from pipeline.contract.artifact import Artifact
from pipeline.contract.progress import Progress
from pipeline.contract.side_by_side import side_by_side

BATCH_TOKENS = {"cpu": 512, "cuda": 8192}
"""Tokens of one forward pass: enough to keep the device busy, little enough for the logits to fit, which are those of
every position that some sequence of the batch learns."""


@dataclass
class ConversationLoss:
    """Over the learned tokens of one conversation.

    loss: summed negative log-likelihood, in nats. tokens: learned tokens, special ones (the end of a
    turn) included. bytes: UTF-8 bytes of the learned tokens decoded without special tokens, which is
    the text of the assistant's turns; bytes cut by a document's edge decode as U+FFFD.
    """

    loss: float = 0.0
    tokens: int = 0
    bytes: int = 0


def split_losses(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tokenise: Artifact, split: str
) -> dict[str, ConversationLoss]:
    """row_id to loss over a packed split. Raises UserError when nothing in it is learned."""
    at_once = max(1, BATCH_TOKENS[model.device.type] // sequence_length(tokenise))
    with Progress("evaluate: losses", sequence_count(tokenise, split), "sequences") as progress:
        batches = read_packed(tokenise, split, at_once)
        losses = conversation_losses(model, tokenizer, batches, progress)
    if not losses:
        raise UserError(
            f"evaluate: no conversation of the {split} split holds a reply; raise deduplicate.{split}_share"
        )
    return losses


def conversation_losses(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    batches: Iterable[PackedBatch],
    progress: Progress,
) -> dict[str, ConversationLoss]:
    """row_id to loss, in the order of first appearance. Documents never attend to each other.

    Conversations without a learned token are left out.
    """

    def measured(batch: PackedBatch) -> tuple[PackedBatch, np.ndarray, list[float]]:
        learned_BL = batch.learned
        return batch, learned_BL, _token_losses(model, batch, learned_BL).tolist()

    losses: dict[str, ConversationLoss] = {}
    for batch, learned_BL, losses_N in side_by_side(measured, batches, model):
        tokens_N = batch.input_ids[learned_BL]
        rows_N, _ = np.nonzero(learned_BL)
        documents_N = batch.document_ids[learned_BL]
        edges = np.flatnonzero((np.diff(rows_N) != 0) | (np.diff(documents_N) != 0)) + 1
        for start, end in zip([0, *edges], [*edges, len(tokens_N)], strict=True):
            if start == end:
                continue
            row_id = batch.row_ids[rows_N[start]][documents_N[start]]
            text = str(tokenizer.decode(tokens_N[start:end].tolist(), skip_special_tokens=True))
            conversation = losses.setdefault(row_id, ConversationLoss())
            conversation.loss += sum(losses_N[start:end])
            conversation.tokens += int(end - start)
            conversation.bytes += len(text.encode("utf-8", "replace"))
        progress.advance(len(batch.input_ids))
    return losses


@torch.inference_mode()
def _token_losses(model: PreTrainedModel, batch: PackedBatch, learned_BL: np.ndarray) -> torch.Tensor:
    """Negative log-likelihood of each learned token, float64 (N,) in row-major order of (B, L).

    Logits are computed only at the positions that predict a learned token in some sequence of the batch.
    """
    if not _takes_a_mask(model, batch.input_ids.shape[1]):
        return _one_by_one(model, batch, learned_BL)
    device = model.device
    targets_BL = torch.from_numpy(learned_BL)
    wanted_K = targets_BL[:, 1:].any(0).nonzero().squeeze(1)
    if len(wanted_K) == 0:
        return torch.zeros(0, dtype=torch.float64)
    logits_BKV = model(
        input_ids=torch.from_numpy(batch.input_ids).to(device),
        attention_mask=_attention_mask(torch.from_numpy(batch.document_ids).to(device)),
        position_ids=torch.from_numpy(batch.position_ids).to(device),
        logits_to_keep=wanted_K.to(device),
        use_cache=False,
    ).logits
    selected_BK = targets_BL[:, wanted_K + 1].to(device)
    targets_N = torch.from_numpy(batch.input_ids[learned_BL]).to(device)
    return F.cross_entropy(logits_BKV[selected_BK].float(), targets_N, reduction="none").double().cpu()


def _takes_a_mask(model: PreTrainedModel, length: int) -> bool:
    """Whether a mask of the documents is all that its attention needs: it is torch's, and sees whole sequences."""
    text = model.config.get_text_config()
    windows = [getattr(text, key, None) for key in ("sliding_window", "attention_chunk_size")]
    return model.config._attn_implementation == "sdpa" and all(w is None or w >= length for w in windows)


def _one_by_one(model: PreTrainedModel, batch: PackedBatch, learned_BL: np.ndarray) -> torch.Tensor:
    """As `_token_losses`, of a document at a time: slower, and right whatever the attention does (Gemma 2 caps its
    scores, layers of Mistral see a window)."""
    losses = [torch.zeros(0, dtype=torch.float64)]
    for row, row_ids in enumerate(batch.row_ids):
        for document in range(len(row_ids)):
            inside = batch.document_ids[row] == document
            ids_L = torch.from_numpy(batch.input_ids[row][inside]).to(model.device)
            learned_N = torch.from_numpy(learned_BL[row][inside]).nonzero().squeeze(1).to(model.device)
            if len(learned_N):
                logits_NV = model(ids_L[None], logits_to_keep=learned_N - 1, use_cache=False).logits[0]
                loss_N = F.cross_entropy(logits_NV.float(), ids_L[learned_N], reduction="none")
                losses.append(loss_N.double().cpu())
    return torch.cat(losses)


def _attention_mask(document_ids_BL: torch.Tensor) -> torch.Tensor:
    """Bool (B, 1, L, L), true where a query may look: at its own document, at itself and before.

    Padding looks at padding, so that no row of the mask is empty (softmax over nothing is not a number).
    """
    length = document_ids_BL.shape[1]
    same_BLL = document_ids_BL[:, :, None] == document_ids_BL[:, None, :]
    causal_LL = torch.ones(length, length, dtype=torch.bool, device=document_ids_BL.device).tril()
    return (same_BLL & causal_LL)[:, None]
