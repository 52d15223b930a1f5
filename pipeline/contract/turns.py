"""From messages to tokens, for training, evaluation and chat alike: what a model is served is what it learned from.

The tokens are those that the chat template and the tokenizer give, but for one difference, on purpose: a special
token written out inside a message stays ordinary text, so nobody can forge the end of a turn.
"""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from tokenizers import Encoding, Tokenizer

from pipeline.contract.chat_template import AFTER_HEADER, END_OF_TURN, HEADER_END, HEADER_START, HEADERS

SYSTEM_SHARE = 0.25
"""Share of the room that a system text may take from turns that do not fit beside it."""

ROLES = ("system", "user", "assistant", "tool")

CONTROL = re.compile(r"\s*[<\[{].*[>\]}]\s*", re.DOTALL)
"""An added token that means something to a model, as <tool_call>; others are words, or runs of spaces."""


@dataclass(frozen=True)
class Turn:
    """One message: header tokens, content tokens, and <|eot_id|> unless the reply was shortened."""

    role: str
    header: list[int]
    content: list[int]
    end: list[int]
    learned: bool
    learned_bytes: int
    """UTF-8 bytes that the learned tokens spell: those of a reply's content."""
    text: str
    encoding: Encoding

    def __len__(self) -> int:
        return len(self.header) + len(self.content) + len(self.end)

    @property
    def tokens(self) -> list[int]:
        return self.header + self.content + self.end

    def first(self, room: int) -> "Turn":
        """The start of the turn in `room` tokens; without <|eot_id|>, since it does not end there."""
        kept = self.content[: max(room - len(self.header), 0)]
        last = len(self.encoding) - len(self.content) + len(kept) - 1
        spelt = self.text[: self.encoding.offsets[last][1]].strip()
        return replace(self, content=kept, end=[], learned_bytes=len(spelt.encode()) if self.learned else 0)

    def last(self, room: int) -> "Turn":
        """The end of the turn in `room` tokens, under the same header."""
        kept = max(room - len(self.header) - len(self.end), 0)
        return replace(self, content=self.content[len(self.content) - kept :])


class TurnEncoder:
    """Encodes messages turn by turn. `begin`: the token that a conversation begins with."""

    def __init__(self, tokenizer_json: str, begin: str) -> None:
        self.tokenizer = Tokenizer.from_str(_with_special(tokenizer_json))
        self.begin = self._id(begin)
        self._end = self._id(END_OF_TURN)
        self._headers = {role: self._header(role) for role in ROLES}
        self.tokenizer.encode_special_tokens = True  # from here on, what looks like a special token is text
        self._gap = self.tokenizer.encode(AFTER_HEADER, add_special_tokens=False).ids

    def encode(self, messages: list[dict[str, Any]]) -> list[Turn]:
        """The turns of messages {role, content}, of one conversation or of many.

        An assistant's is learned, unless the message says learned: False.
        """
        texts = [AFTER_HEADER + message["content"].strip() for message in messages]
        encodings = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        return [self._turn(m, t, e) for m, t, e in zip(messages, texts, encodings, strict=True)]

    def header(self, role: str) -> list[int]:
        """What comes before a message of that role."""
        return [*self._headers[role], *self._gap]

    def _header(self, role: str) -> list[int]:
        words = self.tokenizer.encode(HEADERS.get(role, role), add_special_tokens=False).ids
        return [self._id(HEADER_START), *words, self._id(HEADER_END)]

    def _id(self, token: str) -> int:
        number = self.tokenizer.token_to_id(token)
        assert number is not None, f"the tokenizer has no {token}"
        return number

    def _turn(self, message: dict[str, Any], text: str, encoding: Encoding) -> Turn:
        role = message["role"]
        learned = role == "assistant" and message.get("learned", True)
        ids = encoding.ids
        gap = len(self._gap)
        if ids[:gap] != self._gap:  # this tokenizer merges across the border: what touches the content is content
            gap = sum(1 for _, end in encoding.offsets if end <= len(AFTER_HEADER))
        learned_bytes = len(text.encode()) - len(AFTER_HEADER) if learned else 0
        header = [*self._headers[role], *ids[:gap]]
        return Turn(role, header, ids[gap:], [self._end], learned, learned_bytes, text, encoding)


def _with_special(tokenizer_json: str) -> str:
    """The tokenizer with every control token marked as special, as not all of Qwen's and Phi's are."""
    found = json.loads(tokenizer_json)
    plain = [t for t in found["added_tokens"] if not t["special"] and CONTROL.fullmatch(t["content"])]
    for token in plain:
        token["special"] = True
    return json.dumps(found, ensure_ascii=False) if plain else tokenizer_json


def governing(turns: list[Turn]) -> list[Turn]:
    """The latest system text among the turns, which governs what follows them; none before the first."""
    return next(([turn] for turn in reversed(turns) if turn.role == "system"), [])


def beside(system: list[Turn], tokens: int, room: int) -> list[Turn]:
    """The system text in what `tokens` beside it leave of the room.

    It is shortened to that, or to SYSTEM_SHARE of the room where that is more; its start stays.
    """
    most = max(room - tokens, int(SYSTEM_SHARE * room))
    return [t if len(t) <= most else replace(t.first(most - len(t.end)), end=t.end) for t in system]
