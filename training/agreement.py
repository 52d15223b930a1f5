"""Checks, before anything is trained, that training computes the loss that a pretrained model's own forward pass has.

Training packs documents, computes attention itself (training/attention.py), and makes the loss of hidden states and
head (training/loss.py). A model whose layers do not take that attention keeps its own, under a mask of the documents
that transformers makes of their positions. One that mixes tokens by other means (state spaces, convolutions) or does
more to its logits than training/head.py knows would be trained on another function than the one that is served; it is
refused.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from transformers import PreTrainedModel

from configs.errors import UserError
from training import attention
from training.data import Batch, on_device, packed_batch
from training.loss import SummedLoss

LEARNED = 16
"""Tokens at the end of each of two documents whose loss is compared."""

TOLERANCE = 1e-4
"""Nats a token. In fp32 the two ways differ by 1e-6; a window, a cap or a convolution that is ignored makes 1e-3 and
more."""

ERRORS = (TypeError, ValueError, AttributeError, KeyError, IndexError, AssertionError, RuntimeError)
"""What a forward pass raises that was given what it does not know."""


def settle_attention(model: PreTrainedModel, name: str, sequence_length: int) -> None:
    """Gives the model training's attention, or lets it keep its own, whichever makes the loss of two packed documents
    that of each by itself.

    model: in fp32, without dropout. The first document is longer than the widest window below `sequence_length`, so
    that one that is ignored shows; this costs two forward passes of as many tokens. Raises UserError, naming what
    `name` is, when neither does.
    """
    documents = _documents(model.config.get_text_config(), sequence_length)
    found = []
    with torch.no_grad():
        own = _told(lambda: _own_loss(model, documents))
        for implementation in (attention.NAME, "sdpa", "eager"):
            loss = _told(lambda way=implementation: _packed_loss(model, way, documents))
            if isinstance(loss, float) and isinstance(own, float) and abs(loss - own) < TOLERANCE:
                return
            found.append(loss)
    losses = [f"{loss:.4f} nats a token" if isinstance(loss, float) else loss for loss in (found[0], own)]
    raise UserError(
        f"model.pretrained: {name!r} is a {type(model).__name__}, whose loss on packed documents (training's way: "
        f"{losses[0]}) is not that of its own forward pass ({losses[1]}); choose a decoder whose layers are attention "
        "and feed-forward, as those of Llama, Qwen, Mistral, Gemma, Phi"
    )


def _told(compute: Any) -> float | str:
    """What it returns, or the first line of why it does not."""
    try:
        return float(compute())
    except torch.OutOfMemoryError:
        raise
    except ERRORS as error:
        return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _documents(text: Any, sequence_length: int) -> list[torch.Tensor]:
    """Two documents of seeded tokens, int64."""
    windows = [getattr(text, key, None) for key in ("sliding_window", "attention_chunk_size")]
    widest = max((w for w in windows if isinstance(w, int) and w < sequence_length), default=0)
    random = np.random.default_rng(0)
    sizes = (widest + 2 * LEARNED, LEARNED + 1)
    return [torch.from_numpy(random.integers(0, text.vocab_size, size)) for size in sizes]


def _packed_loss(model: PreTrainedModel, implementation: str, documents: list[torch.Tensor]) -> float:
    """By training's way, in nats a token."""
    model.set_attn_implementation(implementation)
    head = model.get_output_embeddings()
    try:
        loss = SummedLoss(model.train())(**on_device(_packed(documents), model.device))
    finally:
        vars(head).pop("forward", None)  # SummedLoss's, in front of its own
    return loss.item() / (2 * LEARNED)


def _packed(documents: list[torch.Tensor], padding: int = 7) -> Batch:
    input_ids = torch.cat([*documents, torch.zeros(padding, dtype=torch.int64)]).numpy()
    sizes = [*map(len, documents), padding]
    document_ids = np.repeat([0, 1, -1], sizes)
    learned = np.concatenate([np.arange(size) >= size - LEARNED for size in sizes])
    learned[-padding:] = False
    return packed_batch(input_ids[None], document_ids[None], learned[None])


def _own_loss(model: PreTrainedModel, documents: list[torch.Tensor]) -> float:
    """By transformers' forward pass, one document after the other, in nats a token."""
    model.set_attn_implementation("eager")
    model.eval()
    total = 0.0
    for document in documents:
        ids = document.to(model.device)[None]
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=LEARNED + 1).logits[0, -LEARNED - 1 : -1]
        total += F.cross_entropy(logits.float(), ids[0, -LEARNED:], reduction="sum").item()
    return total / (2 * LEARNED)
