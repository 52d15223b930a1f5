"""From messages to tokens, for training, evaluation and chat alike: what a model is served is what it learned from.

The tokens are those that the chat template and the tokenizer give, but for one difference, on purpose: a special
token written out inside a message stays ordinary text, so nobody can forge the end of a turn.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from tokenizers import Encoding

from pipeline.contract.chat_format import ChatFormat, RefusedError
from pipeline.contract.chat_layout import CONTENT, GAP, PARTS, Fixed, Layout, LayoutFinder
from pipeline.contract.chat_template import END_OF_TEXT

SYSTEM_SHARE = 0.25
"""Share of the room that a system text may take from turns that do not fit beside it."""

Message = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """One message: header, content, the special tokens that end it, and what the template writes after those.

    A reply that was shortened has neither end nor gap.
    """

    role: str
    header: list[int]
    content: list[int]
    end: list[int]
    gap: list[int]
    learned: bool
    learned_bytes: int
    """UTF-8 bytes that the learned tokens spell: those of a reply's content."""
    text: str
    source: "Source"
    kept: tuple[int, int | None] = (0, None)
    """Which of the content's tokens, as of a slice."""

    def __len__(self) -> int:
        return len(self.header) + len(self.content) + len(self.end) + len(self.gap)

    @property
    def tokens(self) -> list[int]:
        return self.header + self.content + self.end + self.gap

    @property
    def mask(self) -> list[bool]:
        """Which of the tokens are learned: a reply's content and end, never what stands around."""
        said = len(self.content) + len(self.end)
        return [False] * len(self.header) + [self.learned] * said + [False] * len(self.gap)

    def first(self, room: int) -> "Turn":
        """The start of the turn in `room` tokens; without its end, since it does not end there."""
        return replace(self.shortened(0, max(room - len(self.header), 0)), end=[], gap=[])

    def last(self, room: int) -> "Turn":
        """The end of the turn in `room` tokens, under the same header."""
        kept = max(room - len(self.header) - len(self.end) - len(self.gap), 0)
        return self.shortened(max(len(self.content) - kept, 0), None)

    def shortened(self, start: int, stop: int | None) -> "Turn":
        """The turn with some of its content's tokens."""
        content = self.content[start:stop]
        spelt = self.learned_bytes if stop is None or not self.learned else self.source.bytes(len(content))
        return replace(self, content=content, kept=(start, stop), learned_bytes=spelt)


@dataclass(frozen=True)
class Source:
    """The encoded text that a content's tokens are taken from: those from `token` on, for its characters from `start`
    on."""

    text: str
    encoding: Encoding
    token: int
    start: int

    def bytes(self, tokens: int) -> int:
        """UTF-8 bytes of the content that so many of its tokens spell, counted from the first."""
        if not tokens:
            return 0
        end = self.encoding.offsets[self.token + tokens - 1][1]
        return len(self.text[self.start : end].strip().encode())


@dataclass(frozen=True)
class Chat:
    """A conversation as tokens. opening: what comes before the first turn. reply: the header of one to come."""

    opening: list[int]
    turns: list[Turn]
    reply: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.opening) + sum(map(len, self.turns)) + len(self.reply)

    @property
    def tokens(self) -> list[int]:
        return [*self.opening, *(token for turn in self.turns for token in turn.tokens), *self.reply]

    @property
    def mask(self) -> list[bool]:
        """Which of the tokens are learned."""
        inner = [learned for turn in self.turns for learned in turn.mask]
        return [False] * len(self.opening) + inner + [False] * len(self.reply)


class TurnEncoder:
    """Conversations to tokens. Raises UserError for a template that a model cannot learn to converse by."""

    def __init__(self, form: ChatFormat) -> None:
        self._layouts = LayoutFinder(form)
        self.tokenizer = self._layouts.tokenizer
        self.end = self._layouts.end
        """The special token that ends a reply."""

    def encode(self, conversations: list[list[Message]], reply: bool = False) -> list[Chat | RefusedError]:
        """Each conversation of messages {role, content}, or why the template refuses it.

        An assistant's turn is learned, unless the message says learned: False. reply: with the header of one to come.
        """
        contents = [[message["content"].strip() for message in messages] for messages in conversations]
        layouts = [self._layouts.of(tuple(m["role"] for m in messages), reply) for messages in conversations]
        texts = [
            run.text(said)
            for layout, said in zip(layouts, contents, strict=True)
            if isinstance(layout, Layout)
            for run in layout.runs
        ]
        encoded = iter(zip(texts, self.tokenizer.encode_batch(texts, add_special_tokens=False), strict=True))
        return [
            _chat(layout, messages, said, encoded) if isinstance(layout, Layout) else layout
            for layout, messages, said in zip(layouts, conversations, contents, strict=True)
        ]

    def arranged(self, turns: list[Turn], reply: bool = False) -> Chat | RefusedError:
        """Some turns of a conversation as one of their own: what stands around them may be other.

        What was shortened stays so.
        """
        layout = self._layouts.of(tuple(turn.role for turn in turns), reply)
        if isinstance(layout, RefusedError):
            return layout
        said = [turn.text for turn in turns]
        known = {turn.source.text: turn.source.encoding for turn in turns}
        texts = [run.text(said) for run in layout.runs]
        encoded = ((t, known.get(t) or self.tokenizer.encode(t, add_special_tokens=False)) for t in texts)
        messages = [{"role": turn.role, "learned": turn.learned} for turn in turns]
        chat = _chat(layout, messages, said, iter(encoded))
        return replace(chat, turns=[_as_short_as(*pair) for pair in zip(turns, chat.turns, strict=True)])


def _as_short_as(turn: Turn, whole: Turn) -> Turn:
    if turn.kept == (0, None):
        return whole
    shortened = whole.shortened(*turn.kept)
    return shortened if turn.end or turn.gap else replace(shortened, end=[], gap=[])


def _chat(
    layout: Layout, messages: list[Message], contents: list[str], encoded: Iterator[tuple[str, Encoding]]
) -> Chat:
    """The tokens of a conversation, from the encodings of its runs."""
    parts: list[list[int]] = [[] for _ in range(PARTS * (len(messages) + 2))]
    sources: list[Source | None] = [None] * len(messages)
    for item in layout.items:
        if isinstance(item, Fixed):
            parts[item.place] += item.ids
            continue
        text, encoding = next(encoded)
        for place, ids, first, start in item.split(encoding, contents):
            parts[place] += ids
            if place % PARTS == CONTENT:
                sources[place // PARTS - 1] = Source(text, encoding, first, start)
    turns = []
    for number, (message, text, source) in enumerate(zip(messages, contents, sources, strict=True)):
        assert source is not None
        header, content, end, gap = parts[PARTS * (number + 1) : PARTS * (number + 2)]
        role = message["role"]
        learned = role == "assistant" and message.get("learned", True)
        spelt = len(text.encode()) if learned else 0
        turns.append(Turn(role, header, content, end, gap, learned, spelt, text, source))
    return Chat(parts[GAP], turns, parts[PARTS * (len(messages) + 1)])


@lru_cache(maxsize=2)
def encoder_of(tokenizer: Any) -> TurnEncoder:
    """The encoder of transformers' tokenizer, made once. Raises UserError when it has no chat template."""
    return TurnEncoder(ChatFormat.of(tokenizer))


def stop_tokens(tokenizer: Any) -> list[int]:
    """Ids of the tokens that end a reply: the end of a sequence, that of a turn by the chat template, that of a text
    by the name that Llama 3 gives it."""
    found = [tokenizer.eos_token_id, encoder_of(tokenizer).end, tokenizer.get_vocab().get(END_OF_TEXT)]
    return list(dict.fromkeys(number for number in found if number is not None))


def governing(turns: list[Turn]) -> list[Turn]:
    """The latest system text among the turns, which governs what follows them; none before the first."""
    return next(([turn] for turn in reversed(turns) if turn.role == "system"), [])


def beside(system: list[Turn], tokens: int, room: int) -> list[Turn]:
    """The system text in what `tokens` beside it leave of the room.

    It is shortened to that, or to SYSTEM_SHARE of the room where that is more; its start stays.
    """
    most = max(room - tokens, int(SYSTEM_SHARE * room))
    return [t if len(t) <= most else _start_with_end(t, most) for t in system]


def _start_with_end(turn: Turn, room: int) -> Turn:
    return replace(turn.first(room - len(turn.end) - len(turn.gap)), end=turn.end, gap=turn.gap)
