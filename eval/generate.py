"""Replies of a model to the turns before them."""

from functools import lru_cache
from typing import Any

from transformers import PreTrainedTokenizerBase

from configs.errors import UserError
from pipeline.contract.chat_template import END_OF_TEXT, END_OF_TURN, HEADER_END, HEADER_START
from pipeline.contract.greedy_decoding import greedy_tokens
from pipeline.contract.progress import Progress
from pipeline.contract.turns import TurnEncoder, beside, governing

Message = dict[str, str]
TURN_ENDS = (END_OF_TURN, END_OF_TEXT)


def encode_prompt(tokenizer: PreTrainedTokenizerBase, messages: list[Message], limit: int) -> list[int]:
    """Tokens of the turns and of the header of the reply, at most `limit`; as in training, text stays text.

    The oldest turns are left out until the rest fits, under the system message that governs them. When the
    last turn alone is too long, its first tokens are left out.
    """
    encoder = _encoder(tokenizer)
    turns, reply = encoder.encode(messages), encoder.header("assistant")
    room = limit - 1 - len(reply)
    system = beside(governing(turns[:-1]), len(turns[-1]), room)
    kept = [*system, turns[-1].last(room - sum(map(len, system)))]
    size = 0
    for start in reversed(range(len(turns))):
        size += len(turns[start])
        system = [] if turns[start].role == "system" else beside(governing(turns[:start]), len(turns[-1]), room)
        if size + sum(map(len, system)) > room:
            break
        kept = [*system, *turns[start:]]
    return [encoder.begin, *(token for turn in kept for token in turn.tokens), *reply]


@lru_cache(maxsize=1)
def _encoder(tokenizer: PreTrainedTokenizerBase) -> TurnEncoder:
    """Raises UserError when the tokenizer lacks the markers of our turns."""
    missing = [token for token in (HEADER_START, HEADER_END, END_OF_TURN) if token not in tokenizer.get_vocab()]
    if tokenizer.bos_token is None:
        missing.append("token to begin with")
    if missing:
        raise UserError(f"the tokenizer has no {' and no '.join(missing)}; name a model that training wrote")
    return TurnEncoder(tokenizer.backend_tokenizer.to_str(), tokenizer.bos_token)


def stop_tokens(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of the tokens that end a reply."""
    vocabulary = tokenizer.get_vocab()
    ends = {vocabulary[token] for token in TURN_ENDS if token in vocabulary}
    return sorted(ends | ({tokenizer.eos_token_id} if tokenizer.eos_token_id is not None else set()))


def greedy_replies(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[list[int]],
    max_new_tokens: int,
    batch: int,
    progress: Progress,
) -> list[str]:
    """The likeliest reply to each prompt (pipeline/contract/greedy_decoding.py)."""
    stop = stop_tokens(tokenizer)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else stop[0]
    replies = greedy_tokens(model, prompts, max_new_tokens, batch, stop, pad, progress.advance)
    return [text.strip() for text in tokenizer.batch_decode(replies, skip_special_tokens=True)]
