"""From a conversation to documents: token ids, which of them are learned, and how long ones are cut."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contract.turns import Turn, TurnEncoder, beside, opening

REPLY_SHARE = 0.75
"""Least share of a sequence left to the reply, when an exchange is too long for one."""


@dataclass(frozen=True)
class Document:
    """A piece of one conversation that fits into a sequence.

    tokens: int32 ids. learned: bool of the same length, true on assistant content and its <|eot_id|>, but
    for turns that are context only.
    learned_bytes: UTF-8 bytes that the learned tokens spell.
    """

    row_id: str
    tokens: NDArray[np.int32]
    learned: NDArray[np.bool_]
    learned_bytes: int

    def __len__(self) -> int:
        return len(self.tokens)


class ConversationEncoder:
    """Conversations to documents of at most `sequence_length` tokens."""

    def __init__(self, tokenizer_json: str, begin: str, sequence_length: int) -> None:
        self._turns = TurnEncoder(tokenizer_json, begin)
        self.room = sequence_length - 1

    def encode(self, conversations: list[tuple[str, list[dict[str, Any]]]]) -> Iterator[tuple[list[Document], int]]:
        """For each (row_id, messages): its documents, and how many of its tokens they leave out.

        A system text that opens several documents counts once. A message that says learned: False is context,
        whoever speaks. There is no document when no assistant speaks that is learned.
        """
        encoded = iter(self._turns.encode([m for _, messages in conversations for m in messages]))
        for row_id, messages in conversations:
            turns = list(islice(encoded, len(messages)))
            pieces = cut(turns, self.room)
            repeated = sum(map(len, opening(pieces[0]))) * (len(pieces) - 1) if pieces and opening(turns) else 0
            left_out = sum(map(len, turns)) - sum(len(turn) for piece in pieces for turn in piece) + repeated
            yield [self._document(row_id, piece) for piece in pieces], left_out

    def _document(self, row_id: str, turns: list[Turn]) -> Document:
        tokens, learned = [self._turns.begin], [False]
        for turn in turns:
            tokens += turn.tokens
            learned += [False] * len(turn.header) + [turn.learned] * (len(turn.content) + len(turn.end))
        total = sum(turn.learned_bytes for turn in turns)
        return Document(row_id, np.array(tokens, np.int32), np.array(learned, np.bool_), total)


def cut(turns: list[Turn], room: int) -> list[list[Turn]]:
    """Pieces of at most `room` tokens, cut between exchanges; each exchange ends with its reply.

    Each piece opens with the system text that the conversation begins with. Left out are prompts after the
    last reply, and what `shorten` takes from an exchange that is itself too long.
    """
    system = opening(turns)
    own = list(exchanges(turns[len(system) :]))
    system = beside(system, max((sum(map(len, exchange)) for exchange in own), default=0), room)
    room -= sum(map(len, system))
    pieces: list[list[Turn]] = []
    used = room
    for exchange in own:
        kept = shorten(exchange, room)
        size = sum(map(len, kept))
        if used + size > room:
            pieces.append([*system])
            used = 0
        pieces[-1] += kept
        used += size
    return pieces


def exchanges(turns: list[Turn]) -> Iterator[list[Turn]]:
    """Runs of turns that end with an assistant's, and that neither a tool nor the assistant itself goes on from."""
    exchange: list[Turn] = []
    for turn, following in zip_longest(turns, turns[1:]):
        exchange.append(turn)
        if turn.learned and (following is None or following.role in ("user", "system")):
            yield exchange
            exchange = []
    while exchange and not exchange[-1].learned:
        exchange.pop()
    if exchange:
        yield exchange


def shorten(exchange: list[Turn], room: int) -> list[Turn]:
    """The exchange in `room` tokens: the start of its reply, and before it the end of its prompts."""
    *prompts, reply = exchange
    if sum(map(len, exchange)) <= room:
        return exchange
    reply_room = max(room - sum(map(len, prompts)), int(REPLY_SHARE * room))
    kept = [reply.first(reply_room) if len(reply) > reply_room else reply]
    left = room - len(kept[0])
    for prompt in reversed(prompts):
        if len(prompt) > left:
            if prompt.learned:  # a call that is cut is no call
                break
            shorter = prompt.last(left)
            if shorter.content and len(shorter) <= left:
                kept.insert(0, shorter)
            break
        kept.insert(0, prompt)
        left -= len(prompt)
    return kept
