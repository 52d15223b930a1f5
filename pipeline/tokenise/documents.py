"""From a conversation to documents: token ids, which of them are learned, and how long ones are cut."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from operator import is_

import numpy as np
from numpy.typing import NDArray

from pipeline.contract.chat_format import ChatFormat, RefusedError
from pipeline.contract.turns import Chat, Message, Turn, beside, encoder_by, governing

REPLY_SHARE = 0.75
"""Least share of a sequence left to the reply, when an exchange is too long for one."""


@dataclass(frozen=True)
class Document:
    """A piece of one conversation that fits into a sequence.

    tokens: int32 ids. learned: bool of the same length, true on assistant content and the token that ends it, but
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

    def __init__(self, form: ChatFormat, sequence_length: int) -> None:
        self._turns = encoder_by(form)
        self.length = sequence_length
        self.changed: Counter[str] = Counter()
        """What was done to the roles of how many conversations (pipeline/contract/chat_roles.py)."""
        self.refused: dict[str, str] = {}
        """row_id to why the chat template refuses it, of the latest batch."""

    def encode(self, conversations: list[tuple[str, list[Message]]]) -> Iterator[tuple[list[Document], int]]:
        """For each (row_id, messages): its documents, and how many of its tokens they leave out.

        A system text that opens several documents counts as in the first. A message that says learned: False is
        context, whoever speaks. There is no document when no assistant speaks that is learned, or the chat template
        refuses the conversation.
        """
        self.refused.clear()
        chats = self._turns.encode([messages for _, messages in conversations])
        for (row_id, _), chat in zip(conversations, chats, strict=True):
            if isinstance(chat, RefusedError):
                self.refused[row_id] = str(chat)
                yield [], 0
                continue
            if chat.changed:
                self.changed[chat.changed] += 1
            pieces = self._pieces(chat)
            left_out = tokens(chat.turns) - sum(tokens(piece.turns) for piece, _ in pieces)
            yield [_document(row_id, piece, arranged) for piece, arranged in pieces], left_out

    def _pieces(self, chat: Chat) -> list[tuple["Piece", Chat]]:
        """The conversation in pieces, each as a conversation of its own, which the template may open otherwise."""
        room = self.length - len(chat.opening)
        while room > 0:
            pieces = cut(chat.turns, room)
            found = [(piece, self._arranged(piece, chat)) for piece in pieces]
            whole = [(piece, arranged) for piece, arranged in found if isinstance(arranged, Chat)]
            excess = max((len(arranged) for _, arranged in whole), default=0) - self.length
            if excess <= 0:
                return whole
            room -= excess
        return []

    def _arranged(self, piece: "Piece", chat: Chat) -> Chat | RefusedError:
        whole = not piece.repeated and len(piece.turns) == len(chat.turns) and all(map(is_, piece.turns, chat.turns))
        return chat if whole else self._turns.arranged([*piece.repeated, *piece.turns])


def _document(row_id: str, piece: "Piece", chat: Chat) -> Document:
    spelt = sum(turn.learned_bytes for turn in chat.turns[len(piece.repeated) :])
    return Document(row_id, np.array(chat.tokens, np.int32), np.array(chat.mask, np.bool_), spelt)


@dataclass(frozen=True)
class Piece:
    """A part of a conversation. repeated: the system text from an earlier part that governs this one."""

    repeated: list[Turn]
    turns: list[Turn]


def tokens(turns: list[Turn]) -> int:
    return sum(map(len, turns))


def cut(turns: list[Turn], room: int) -> list[Piece]:
    """Pieces of at most `room` tokens, cut between exchanges; each exchange ends with its reply.

    Each piece opens with the system text that governs it, the latest before it. Left out are prompts after
    the last reply, and what `_opened` takes from an exchange that is itself too long.
    """
    pieces: list[Piece] = []
    system: list[Turn] = []
    left = 0
    for exchange in exchanges(turns):
        if not pieces or tokens(exchange) > left:
            pieces.append(_opened(exchange, system, room))
            left = room - tokens(pieces[-1].repeated) - tokens(pieces[-1].turns)
        else:
            pieces[-1].turns.extend(exchange)
            left -= tokens(exchange)
        system = governing(exchange) or system
    return pieces


def _opened(exchange: list[Turn], system: list[Turn], room: int) -> Piece:
    """A piece that begins with an exchange, under its own system text or else the one before it."""
    if tokens(system) + tokens(exchange) > room and (own := governing(exchange)):
        exchange = exchange[exchange.index(own[0]) :]
    own = governing(exchange[:1])
    said = exchange[len(own) :]
    opening = beside(own or system, tokens(said), room)
    kept = shorten(said, room - tokens(opening))
    return Piece([], [*opening, *kept]) if own else Piece(opening, kept)


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
