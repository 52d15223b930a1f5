"""From a conversation to documents: token ids, which of them are learned, and how long ones are cut."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from pipeline.tokenise.chat_template import AFTER_HEADER, END_OF_TURN, HEADER_END, HEADER_START, HEADERS

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


@dataclass(frozen=True)
class Turn:
    """One message: header tokens, content tokens, and <|eot_id|> unless the content was shortened."""

    header: list[int]
    content: list[int]
    end: list[int]
    learned: bool
    learned_bytes: int
    text: str
    encoding: Encoding

    def __len__(self) -> int:
        return len(self.header) + len(self.content) + len(self.end)

    def first(self, room: int) -> "Turn":
        """The start of the turn in `room` tokens; without <|eot_id|>, since it does not end there."""
        kept = self.content[: max(room - len(self.header), 0)]
        last = len(self.encoding) - len(self.content) + len(kept) - 1
        spelt = self.text[: self.encoding.offsets[last][1]].strip()
        return replace(self, content=kept, end=[], learned_bytes=len(spelt.encode()))

    def last(self, room: int) -> "Turn":
        """The end of the turn in `room` tokens, under the same header."""
        kept = max(room - len(self.header) - len(self.end), 0)
        return replace(self, content=self.content[len(self.content) - kept :])


class ConversationEncoder:
    """Encodes conversations exactly as the chat template and the tokenizer would.

    One difference, on purpose: a special token written out inside a message stays ordinary text,
    so no row can forge the end of a turn.
    """

    def __init__(self, tokenizer_json: str, begin: str, sequence_length: int) -> None:
        self.tokenizer = Tokenizer.from_str(tokenizer_json)
        self.room = sequence_length - 1
        self._begin = self._id(begin)
        self._end = self._id(END_OF_TURN)
        self._headers = {role: self._header(role) for role in ("system", "user", "assistant", "tool")}
        self.tokenizer.encode_special_tokens = True
        self._gap = self.tokenizer.encode(AFTER_HEADER, add_special_tokens=False).ids

    def encode(self, conversations: list[tuple[str, list[dict[str, Any]]]]) -> Iterator[tuple[list[Document], int]]:
        """For each (row_id, messages): its documents, and how many of its tokens they leave out.

        A message that says learned: False is context, whoever speaks. There is no document when no
        assistant speaks that is learned.
        """
        texts = [AFTER_HEADER + m["content"].strip() for _, messages in conversations for m in messages]
        encodings = iter(zip(texts, self.tokenizer.encode_batch(texts, add_special_tokens=False), strict=True))
        for row_id, messages in conversations:
            turns = [self._turn(m["role"], m.get("learned", True), *next(encodings)) for m in messages]
            pieces = cut(turns, self.room)
            left_out = sum(map(len, turns)) - sum(len(turn) for piece in pieces for turn in piece)
            yield [self._document(row_id, piece) for piece in pieces], left_out

    def _header(self, role: str) -> list[int]:
        words = self.tokenizer.encode(HEADERS.get(role, role), add_special_tokens=False).ids
        return [self._id(HEADER_START), *words, self._id(HEADER_END)]

    def _id(self, token: str) -> int:
        found = self.tokenizer.token_to_id(token)
        assert found is not None, f"the tokenizer has no {token}"
        return found

    def _turn(self, role: str, may_learn: bool, text: str, encoding: Encoding) -> Turn:
        ids = encoding.ids
        gap = len(self._gap)
        if ids[:gap] != self._gap:  # this tokenizer merges across the border: what touches the content is content
            gap = sum(1 for _, end in encoding.offsets if end <= len(AFTER_HEADER))
        learned = may_learn and role == "assistant"
        learned_bytes = len(text.encode()) - len(AFTER_HEADER) if learned else 0
        header = [*self._headers[role], *ids[:gap]]
        return Turn(header, ids[gap:], [self._end], learned, learned_bytes, text, encoding)

    def _document(self, row_id: str, turns: list[Turn]) -> Document:
        tokens, learned = [self._begin], [False]
        for turn in turns:
            tokens += turn.header + turn.content + turn.end
            learned += [False] * len(turn.header) + [turn.learned] * (len(turn.content) + len(turn.end))
        total = sum(turn.learned_bytes for turn in turns)
        return Document(row_id, np.array(tokens, np.int32), np.array(learned, np.bool_), total)


def cut(turns: list[Turn], room: int) -> list[list[Turn]]:
    """Pieces of at most `room` tokens, cut between exchanges; each exchange ends with its reply.

    Left out are prompts after the last reply, and what `shorten` takes from an exchange that is
    itself too long.
    """
    pieces: list[list[Turn]] = []
    used = room
    for exchange in exchanges(turns):
        kept = shorten(exchange, room)
        size = sum(map(len, kept))
        if used + size > room:
            pieces.append([])
            used = 0
        pieces[-1] += kept
        used += size
    return pieces


def exchanges(turns: list[Turn]) -> Iterator[list[Turn]]:
    """Runs of turns that end with an assistant's."""
    exchange: list[Turn] = []
    for turn in turns:
        exchange.append(turn)
        if turn.learned:
            yield exchange
            exchange = []


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
            shorter = prompt.last(left)
            if shorter.content and len(shorter) <= left:
                kept.insert(0, shorter)
            break
        kept.insert(0, prompt)
        left -= len(prompt)
    return kept
