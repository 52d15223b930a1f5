"""From messages to tokens, for training, evaluation and chat alike: what a model is served is what it learned from.

The tokens are those that the chat template and the tokenizer give, but for one difference, on purpose: a special
token written out inside a message stays ordinary text, so nobody can forge the end of a turn.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from operator import is_
from typing import Any

from tokenizers import Encoding

from pipeline.contract.chat_format import ChatFormat, RefusedError
from pipeline.contract.chat_layout import AMID, GAP, PARTS, Fixed, Frame, Layout, LayoutFinder
from pipeline.contract.chat_template import END_OF_TEXT
from pipeline.contract.speakers import Speaker, Utterance, utterances
from pipeline.contract.tool_calls import Call

SYSTEM_SHARE = 0.25
"""Share of the room that a system text may take from turns that do not fit beside it."""

Message = dict[str, Any]


@dataclass(slots=True, eq=False)  # not frozen: there are millions, and freezing doubles the time to make one
class Turn:
    """One message: header, content, the special tokens that end it, and what the template writes after those.

    A reply that was shortened has neither end nor gap.
    """

    speaker: Speaker
    header: list[int]
    content: list[int]
    end: list[int]
    gap: list[int]
    learned: bool
    learned_bytes: int
    """UTF-8 bytes that the learned tokens spell: those of a reply's content."""
    text: str
    frame: Frame | None
    encoding: Encoding | None
    """Has the content's tokens, from number `token` on, for characters from `start` on."""
    token: int
    start: int
    kept: tuple[int, int | None] = (0, None)
    """Which of the content's tokens are left, as of a slice."""

    def __len__(self) -> int:
        return len(self.header) + len(self.content) + len(self.end) + len(self.gap)

    @property
    def role(self) -> str:
        return _role(self.speaker)

    def first(self, room: int) -> "Turn":
        """The start of the turn in `room` tokens; without its end, since it does not end there."""
        return replace(self.shortened(0, max(room - len(self.header), 0)), end=[], gap=[])

    def last(self, room: int) -> "Turn":
        """The end of the turn in `room` tokens, under the same header."""
        kept = max(room - len(self.header) - len(self.end) - len(self.gap), 0)
        return self.shortened(max(len(self.content) - kept, 0), None)

    def shortened(self, start: int, stop: int | None) -> "Turn":
        """The turn with some of its content's tokens. A call that is cut is no call, and not learned."""
        content = self.content[start:stop]
        learned = self.learned and (stop is None or not isinstance(self.speaker, Call))
        spelt = self.learned_bytes if stop is None else self._bytes(len(content)) if learned else 0
        return replace(self, content=content, kept=(start, stop), learned=learned, learned_bytes=spelt)

    def _bytes(self, tokens: int) -> int:
        """UTF-8 bytes of the text that so many of the content's tokens spell, counted from the first."""
        if not tokens or not self.encoding:
            return 0
        end = self.encoding.offsets[max(self.token + tokens - 1, 0)][1]
        return len(self.text[: max(end - self.start, 0)].strip().encode())


@dataclass(frozen=True)
class Chat:
    """A conversation as tokens. opening: what comes before the first turn. reply: the header of one to come.

    changed: what was done to the roles to make the template take them; empty, or words of chat_roles.py.
    """

    opening: list[int]
    turns: list[Turn]
    reply: list[int] = field(default_factory=list)
    changed: str = ""

    def __len__(self) -> int:
        return len(self.opening) + sum(map(len, self.turns)) + len(self.reply)

    @property
    def tokens(self) -> list[int]:
        found = list(self.opening)
        for turn in self.turns:
            found += turn.header
            found += turn.content
            found += turn.end
            found += turn.gap
        return found + self.reply

    @property
    def mask(self) -> list[bool]:
        """Which of the tokens are learned: a reply's content and end, never what stands around."""
        found = [False] * len(self.opening)
        for turn in self.turns:
            found += [False] * len(turn.header)
            found += [turn.learned] * (len(turn.content) + len(turn.end))
            found += [False] * len(turn.gap)
        return found + [False] * len(self.reply)


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
        found = [self._laid_out(messages, reply) for messages in conversations]
        texts = [text for layout, said in found for text in _texts(layout, said)]
        encodings = iter(self.tokenizer.encode_batch(texts, add_special_tokens=False))
        return [self._chat(layout, said, encodings) for layout, said in found]

    def _laid_out(self, messages: list[Message], reply: bool) -> tuple[Layout | RefusedError, list[Utterance]]:
        """Where what is said stands; calls and thoughts on their own where the template writes them so."""
        known = self._layouts
        if known.knows_calls or known.knows_thoughts:
            said = utterances(messages, known.knows_calls, known.knows_thoughts, known.is_plain)
            layout = known.of(tuple([each.speaker for each in said]), reply)
            if isinstance(layout, Layout):
                return layout, _stripped(said)
        said = [Utterance(m["role"], _plain(m["content"]), m.get("learned", True)) for m in messages]
        return known.of(tuple([each.speaker for each in said]), reply), said

    def frames(self, roles: tuple[str, ...]) -> tuple[list[int], dict[str, Frame]] | None:
        """What opens a conversation of these roles, and what stands around what each says; None when they share runs
        of text, or the template does not take them."""
        layout = self._layouts.of(roles)
        if isinstance(layout, RefusedError) or layout.changed or not layout.frames:
            return None
        return layout.opening, dict(zip(roles, layout.frames, strict=True))

    def arranged(self, turns: list[Turn], reply: bool = False) -> Chat | RefusedError:
        """Some turns of a conversation as one of their own: what stands around them may be other.

        What was shortened stays so.
        """
        speakers = [turn.speaker for turn in turns]
        layout = self._layouts.of(tuple(speakers), reply)
        if isinstance(layout, RefusedError):
            return layout
        if layout.frames and all(map(is_, layout.frames, [turn.frame for turn in turns])):
            return Chat(layout.opening, turns, layout.reply, layout.changed)
        said = [Utterance(turn.speaker, turn.text, turn.learned) for turn in turns]
        encodings = iter(self.tokenizer.encode_batch(_texts(layout, said), add_special_tokens=False))
        chat = self._chat(layout, said, encodings)
        assert isinstance(chat, Chat)
        return replace(chat, turns=[_as_short_as(*pair) for pair in zip(turns, chat.turns, strict=True)])

    def _chat(
        self, layout: Layout | RefusedError, said: list[Utterance], encodings: Iterator[Encoding]
    ) -> Chat | RefusedError:
        """The tokens of a conversation, from the encodings of its texts."""
        if isinstance(layout, RefusedError):
            return layout
        own = list(islice(encodings, len(layout.frames or layout.runs)))
        if layout.frames:
            framed = list(map(_framed, layout.frames, said, own))
            if None not in framed:
                return Chat(layout.opening, framed, layout.reply, layout.changed)  # type: ignore[arg-type]
        parts, sources = _parts(layout, [each.text for each in said], own)
        turns = []
        for number, (speaker, text, learn) in enumerate(said):
            header, content, end, gap = parts[PARTS * (number + 1) : PARTS * (number + 2)]
            called = isinstance(speaker, Call)
            learned = learn and (called or (_role(speaker) == "assistant" and number in sources))
            spelt = self.tokenizer.decode(content).strip() if called else text
            size = len(spelt.encode()) if learned else 0
            source = sources.get(number, (None, 0, 0))
            turns.append(Turn(speaker, header, content, end, gap, learned, size, text, None, *source))
        return Chat(parts[GAP], turns, parts[PARTS * (len(said) + 1)], layout.changed)


def _role(speaker: Speaker) -> str:
    return speaker if isinstance(speaker, str) else speaker.role


def _stripped(said: list[Utterance]) -> list[Utterance]:
    return [Utterance(speaker, _plain(text), learned) for speaker, text, learned in said]


def _plain(content: str) -> str:
    """The content without white space around, and without what would be taken for AMID."""
    return content.strip().replace(AMID, "") if "\ue000" in content else content.strip()


def _as_short_as(turn: Turn, whole: Turn) -> Turn:
    if turn.kept == (0, None):
        return whole
    shortened = whole.shortened(*turn.kept)
    return shortened if turn.end or turn.gap else replace(shortened, end=[], gap=[])


def _texts(layout: Layout | RefusedError, said: list[Utterance]) -> list[str]:
    """What is encoded of a conversation."""
    if isinstance(layout, RefusedError):
        return []
    if layout.frames:
        return [frame.before + each.text + frame.after for frame, each in zip(layout.frames, said, strict=True)]
    contents = [each.text for each in said]
    return [run.text(contents) for run in layout.runs]


def _parts(
    layout: Layout, contents: list[str], encodings: list[Encoding]
) -> tuple[list[list[int]], dict[int, tuple[Encoding, int, int]]]:
    """The tokens of each place; and by message the encoding of its content, where it begins there, by token and
    character."""
    parts: list[list[int]] = [[] for _ in range(PARTS * (len(contents) + 2))]
    sources: dict[int, tuple[Encoding, int, int]] = {}
    runs = iter(encodings)
    for item in layout.items:
        if isinstance(item, Fixed):
            parts[item.place] += item.ids
            continue
        encoding = next(runs)
        for (place, literal), ids, first, start in item.split(encoding, contents):
            if literal is None:
                sources[place // PARTS - 1] = encoding, first - len(parts[place]), start
            parts[place] += ids
    return parts, sources


def _framed(frame: Frame, said: Utterance, encoding: Encoding) -> Turn | None:
    """The turn of a message alone in its run; None when a token crosses the border of its content."""
    speaker, text, learn = said
    ids = encoding.ids
    first, last = frame.skipped + len(frame.before_ids), len(ids) - len(frame.after_ids)
    if first > last or ids[frame.skipped : first] != frame.before_ids or ids[last:] != frame.after_ids:
        return None
    learned = learn and speaker == "assistant"
    size = len(text.encode()) if learned else 0
    start = len(frame.before)
    return Turn(
        *(speaker, frame.header, ids[first:last], frame.end, frame.gap, learned, size, text),
        *(frame, encoding, first, start),
    )


@lru_cache(maxsize=2)
def encoder_by(form: ChatFormat) -> TurnEncoder:
    """The encoder of a format, made once: to read a large vocabulary takes a second."""
    return TurnEncoder(form)


@lru_cache(maxsize=2)
def encoder_of(tokenizer: Any) -> TurnEncoder:
    """The encoder of transformers' tokenizer, made once. Raises UserError when it has no chat template."""
    return encoder_by(ChatFormat.of(tokenizer))


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
