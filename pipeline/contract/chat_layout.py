"""Where the messages of a conversation stand in its tokens, found by rendering its chat template, whose ever it is.

The roles of a conversation are rendered once with sentinels as contents, which tells the literal text before, between
and after them. Special tokens in the literals divide the text into runs. A run is encoded as one text, so that its
tokens are those of apply_chat_template, and everything in it is text, whatever it looks like.
"""

import json
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import takewhile

from tokenizers import AddedToken, Encoding, Tokenizer

from configs.errors import UserError
from pipeline.contract.chat_format import ChatFormat, RefusedError
from pipeline.contract.chat_roles import Message, Messages, changes, neighbours_joined
from pipeline.contract.speakers import Speaker, Thought
from pipeline.contract.tool_calls import PROBE, Call, call_id, named

PARTS = 4
HEADER, CONTENT, END, GAP = range(PARTS)
"""Parts of a turn. END: the special tokens that end it. GAP: what follows them, as ChatML's line break.

A place is PARTS × (1 + number of the message) + part: what comes before the first message is the gap of one before it,
and the header of a reply to come that of one after the last."""

CONTROL = re.compile(r"\s*[<\[{].*[>\]}]\s*", re.DOTALL)
"""An added token that means something to a model, as <tool_call>; others are words, or runs of spaces."""

SENTINEL = re.compile("\ue000([0-9]+)\ue001")
"""A message's number between characters of the private use area, which no template takes for anything."""

AMID = "\ue000\ue002\ue001"
"""Stands before a run that does not begin the text, for tokenizers that put a space before one that does."""

MOST_REMEMBERED = 1024
"""Layouts, by the roles of a conversation."""

Speakers = tuple[Speaker, ...]
Piece = tuple[int, str | None]
Span = tuple[int, int]


@dataclass(frozen=True)
class Fixed:
    """Tokens that are the same whatever the messages say."""

    place: int
    ids: list[int]


@dataclass(frozen=True)
class Run:
    """Text between special tokens that holds contents: pieces of (place, literal), None for what a message says.

    opening: AMID, or nothing.
    """

    pieces: tuple[Piece, ...]
    opening: str

    def text(self, contents: list[str]) -> str:
        """What is encoded."""
        return self.opening + "".join(self._said(contents))

    def split(self, encoding: Encoding, contents: list[str]) -> Iterator[tuple[Piece, list[int], int, int]]:
        """(piece, its tokens, number of the first of them, where the piece starts), in order.

        A token that touches what a message says is the message's.
        """
        spans, start = [], len(self.opening)
        for (_, literal), text in zip(self.pieces, self._said(contents), strict=True):
            spans.append((literal is None, start, start + len(text)))
            start += len(text)
        own: list[list[int]] = [[] for _ in spans]
        for number, offset in enumerate(encoding.offsets):
            if number or not self.opening:
                own[_owner(spans, *offset)].append(number)
        ids = encoding.ids
        for piece, numbers, (_, begin, _) in zip(self.pieces, own, spans, strict=True):
            yield piece, [ids[number] for number in numbers], numbers[0] if numbers else 0, begin

    def _said(self, contents: list[str]) -> Iterator[str]:
        for place, literal in self.pieces:
            yield contents[place // PARTS - 1] if literal is None else literal


def _owner(spans: list[tuple[bool, int, int]], start: int, end: int) -> int:
    """The number of the message's text that a token touches, else of the literal that it starts in."""
    for number, (said, begin, stop) in enumerate(spans):
        if said and start < stop and end > begin:
            return number
    return next((number for number, (_, _, stop) in enumerate(spans) if start < stop), len(spans) - 1)


@dataclass(frozen=True, eq=False)
class Frame:
    """What stands around a content that is the only one in its run.

    before, after: the literals in the run, and their tokens as long as none crosses a border. header, end, gap: all
    tokens of these parts then. One frame is one object, in all layouts. skipped: 1 when the run begins with AMID.
    """

    skipped: int
    before: str
    after: str
    before_ids: list[int]
    after_ids: list[int]
    header: list[int]
    end: list[int]
    gap: list[int]


@dataclass(frozen=True)
class Layout:
    """How the conversations of one order of speakers become tokens. frames: by message, when all have one.

    changed: what was done to the roles to make the template take them (pipeline/contract/chat_roles.py).
    """

    items: tuple[Fixed | Run, ...]
    frames: tuple[Frame, ...] | None
    opening: list[int]
    reply: list[int]
    changed: str = ""

    @property
    def runs(self) -> list[Run]:
        return [item for item in self.items if isinstance(item, Run)]


class LayoutFinder:
    """The layouts of one format. Raises UserError for a template that a model cannot learn to converse by.

    tokenizer: takes what looks like a special token for text. end: the special token that ends a reply. knows_calls:
    whether the template writes calls of tools, and what they return. knows_thoughts: whether it treats what is thought
    before a reply in a way of its own, and may leave it out.
    """

    def __init__(self, form: ChatFormat) -> None:
        self._form = form
        self.tokenizer = Tokenizer.from_str(_for_text(form.tokenizer))
        self._special = {n: t.content for n, t in self.tokenizer.get_added_tokens_decoder().items() if t.special}
        self._amid = AMID if _spaces_a_start(self.tokenizer, next(iter(self._special.values()), "")) else ""
        if self._amid:
            self.tokenizer.add_tokens([AddedToken(AMID, normalized=False)])
        self.tokenizer.encode_special_tokens = True
        self._frames: dict[tuple, Frame] = {}
        self._last_tail, self._amid_tail = cache(self._find_last_tail), cache(self._find_amid_tail)
        self._reply_header = cache(self._find_reply_header)
        self.of = lru_cache(MOST_REMEMBERED)(self._find)
        self.end = self._find_end()
        call = Call(json.dumps(PROBE), silent=True)
        self.knows_thoughts = "</think>" in form.template
        self.knows_calls = isinstance(self.of(("user", call, "tool", "assistant")), Layout)

    def is_plain(self, text: str) -> bool:
        """Whether a text has no special token, and nothing that looks like a sentinel, written out in it."""
        return "\ue000" not in text and not any(token in text for token in self._special.values())

    def _find(self, speakers: Speakers, reply: bool = False) -> Layout | RefusedError:
        """The layout of the conversations whose messages are by these speakers, with the header of a reply to come.

        A prompt is changed as it is when its reply is learned, if it can be.
        """
        messages = _messages(speakers)
        learned = self.of((*speakers, "assistant")) if reply else None
        candidates: Iterable[tuple[str, Messages]] = changes(messages)
        if isinstance(learned, Layout) and learned.changed:
            candidates = sorted(candidates, key=lambda each: each[0] != learned.changed)
        refused: RefusedError | None = None
        for changed, given in candidates:
            if any("tool_calls" in message for message in given) and neighbours_joined.__name__ in changed:
                continue
            try:
                return self._laid_out(given, speakers, reply, changed)
            except RefusedError as error:
                refused = refused or error
        return refused or RefusedError("there is no message")

    def _laid_out(self, given: Messages, speakers: Speakers, reply: bool, changed: str) -> Layout:
        """Raises RefusedError."""
        text, contents = self._rendered(given, reply)
        special = self._special_spans(text)
        turns = [
            (number, str(message["role"]), number == numbers[0])
            for message in given
            for numbers in [[n for n in _numbers(message) if n in contents or isinstance(speakers[n], Call)]]
            for number in numbers
        ]
        if turns[0][0] not in contents:
            raise RefusedError("it begins with a call")
        first = contents[turns[0][0]][0]
        begin = first - self._own_header(turns[0][1], text[:first], special)
        places: list[tuple[int, Span]] = [(GAP, (0, begin))]
        for at, (number, role, first_of_message) in enumerate(turns):
            following = next((contents[later][0] for later, *_ in turns[at + 1 :] if later in contents), len(text))
            last = at + 1 == len(turns) and not reply
            if isinstance(speakers[number], Call):
                said = contents.get(number, (begin, begin))
                header = self._reply_header() if first_of_message else ""
                start, stop, end, gap = self._call(text, (begin, following), said, header, special, last)
            else:
                start, stop = contents[number]
                end, gap = self._tail(role, text, (stop, following), special, last)
                if role == "assistant":  # what stands amid a reply is the reply's
                    start = self._reply_start(text, (begin, start), special) if first_of_message else begin
            borders = (begin, start, stop, end, gap)
            places += [(PARTS * (number + 1) + part, (borders[part], borders[part + 1])) for part in range(PARTS)]
            begin = gap
        places.append((PARTS * (len(speakers) + 1) + HEADER, (begin, len(text))))
        items = tuple(self._items(text, places, special, contents))
        fixed = _fixed(items)
        opening, answer = fixed[GAP], fixed[PARTS * (len(speakers) + 1) + HEADER]
        return Layout(items, self._framed(items, fixed, len(speakers)), opening, answer, changed)

    def _rendered(self, given: Messages, reply: bool = False) -> tuple[str, dict[int, Span]]:
        """The text with sentinels; and where each stands, by its number. Raises RefusedError."""
        text = self._form.render(given, reply)
        found = {int(match[1]): match.span() for match in SENTINEL.finditer(text)}
        expected: list[int] = []
        for message in given:
            numbers = [n for n in _sentinels(message) if n in found or n != message.get("thought")]
            if set(numbers) - found.keys() or any(name not in text for name in named(message)):
                raise RefusedError(f"the template leaves out what the {message['role']} says")
            expected += numbers
        if list(found) != expected or len(SENTINEL.findall(text)) > len(found):
            raise RefusedError("the template moves messages")
        return text, found

    def _plainly(self, *roles: str) -> tuple[str, list[Span]]:
        """The text of messages of these roles as they are, and where the contents stand. Raises RefusedError."""
        text, found = self._rendered(_messages(roles))
        return text, list(found.values())

    def _special_spans(self, text: str) -> dict[Span, int]:
        """Where special tokens stand, with the white space that they take in, and their ids."""
        self.tokenizer.encode_special_tokens = False
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        self.tokenizer.encode_special_tokens = True
        return {
            span: number
            for number, span in zip(encoding.ids, encoding.offsets, strict=True)
            if number in self._special and text[slice(*span)].strip() == self._special[number].strip()
        }

    def _own_header(self, role: str, literal: str, special: dict[Span, int]) -> int:
        """How many characters at the end of what comes first are the first turn's header; the others open any
        conversation: the token that it begins with, or a system text of the template's own."""
        try:
            text, contents = self._plainly("user", "assistant", role)
        except RefusedError:
            return len(literal)
        between = (contents[1][1], contents[2][0])
        _, begin = self._tail("assistant", text, between, self._special_spans(text), last=False)
        start = len(literal) - _alike(reversed(text[begin : between[1]]), reversed(literal))
        return len(literal) - next((end for begin, end in special if begin < start < end), start)

    def _call(
        self, text: str, around: Span, said: Span, header: str, special: dict[Span, int], last: bool
    ) -> tuple[int, int, int, int]:
        """Where a reply that calls starts, its end starts and stops, and the turn does. Raises RefusedError."""
        begin, following = around
        start = begin + len(header)
        ends = sorted(
            span for span, n in special.items() if n == self.end and max(start, said[1]) <= span[0] < following
        )
        if not text.startswith(header, begin) or not ends:
            raise RefusedError("the template writes calls otherwise than replies")
        stop, end = ends[0]
        gap = following if last else stop + _alike(text[stop:following], self._last_tail("assistant"))
        return start, stop, end, max(end, gap)

    def _tail(self, role: str, text: str, literal: Span, special: dict[Span, int], last: bool) -> Span:
        """Where the special tokens that end a turn end, and where the turn does: what follows belongs to the next."""
        begin, stop = literal
        if not last:
            stop = begin + _alike(text[begin:stop], self._last_tail(role))
            stop = next((start for start, end in special if start < stop < end), stop)
        most = begin + _alike(text[begin:stop], self._amid_tail(role))
        inside = sorted(span for span in special if begin <= span[0] and span[1] <= most)
        end = begin
        for number, span in enumerate(inside):
            if number and span[0] != end:
                break
            end = span[1]
        return end, stop

    def _find_last_tail(self, role: str) -> str:
        """What follows a turn of that role when it is the last; nothing when the template lets it be last nowhere."""
        for before in ((), ("user",), ("user", "assistant")):
            try:
                text, contents = self._plainly(*before, role)
            except RefusedError:
                continue
            return text[contents[-1][1] :]
        return ""

    def _find_amid_tail(self, role: str) -> str:
        """What follows a turn of that role and opens the user's next: an end of the whole text is no end of a turn."""
        try:
            text, contents = self._plainly(*(("user",) if role == "assistant" else ()), role, "user")
        except RefusedError:
            return self._last_tail(role)
        return text[contents[-2][1] : contents[-1][0]]

    def _reply_start(self, text: str, header: Span, special: dict[Span, int]) -> int:
        """Where a reply starts: what a prompt does not end with, a model has to write itself, so it learns it. A
        template whose prompts end with no header at all leaves it to whoever renders them."""
        start, stop = header
        own = start + len(self._reply_header())
        marked = own == start and any(start <= begin < stop for begin, _ in special)
        return own if text.startswith(self._reply_header(), *header) and not marked else stop

    def _find_reply_header(self) -> str:
        """What a prompt ends with, after the user's turn; what the template writes besides before a reply is its."""
        text, contents = self._rendered(_messages(("user",)), reply=True)
        stop = contents[0][1]
        _, begin = self._tail("user", text, (stop, len(text)), self._special_spans(text), last=False)
        return text[begin:]

    def _items(
        self, text: str, places: list[tuple[int, Span]], special: dict[Span, int], contents: dict[int, Span]
    ) -> Iterator[Fixed | Run]:
        """The pieces, divided at special tokens."""
        pieces: list[Piece] = []
        opening = ""
        said = dict.fromkeys(contents.values())
        spans = sorted(special | said)
        for place, (start, stop) in places:
            at = start
            for span in spans[bisect_left(spans, (start, 0)) : bisect_left(spans, (stop, 0))]:
                pieces += [(place, text[at : span[0]])] if text[at : span[0]] else []
                at = span[1]
                if span in said:
                    pieces.append((place, None))
                    continue
                yield from self._run(pieces, opening)
                pieces, opening = [], self._amid
                yield Fixed(place, [special[span]])
            pieces += [(place, text[at:stop])] if text[at:stop] else []
        yield from self._run(pieces, opening)

    def _run(self, pieces: list[Piece], opening: str) -> Iterator[Fixed | Run]:
        run = Run(tuple(pieces), opening)
        if any(literal is None for _, literal in pieces):
            yield run
        elif pieces:
            encoding = self.tokenizer.encode(run.text([]), add_special_tokens=False)
            yield from (Fixed(place, ids) for (place, _), ids, _, _ in run.split(encoding, []))

    def _framed(
        self, items: tuple[Fixed | Run, ...], fixed: dict[int, list[int]], messages: int
    ) -> tuple[Frame, ...] | None:
        """The frames of the messages; None unless each has a run of its own, with a literal on either side at most."""
        found: list[Frame] = []
        for number, run in enumerate(item for item in items if isinstance(item, Run)):
            own = PARTS * (number + 1)
            literals = dict(run.pieces)
            before, after = literals.get(own, "") or "", literals.get(own + END) or literals.get(own + GAP) or ""
            one = [*[(own, before)] * bool(before), (own + CONTENT, None)]
            if list(run.pieces) not in (one, [*one, (own + END, after)], [*one, (own + GAP, after)]):
                return None
            around = run.opening + before, after
            header, end, gap = ([*fixed[own + part]] for part in (HEADER, END, GAP))
            key = (*around, tuple(header), tuple(end), tuple(gap))
            if key not in self._frames:
                before_ids, after_ids = self._literal(before, run.opening), self._literal(after, self._amid)
                header += before_ids
                (end if literals.get(own + END) else gap)[:0] = after_ids
                self._frames[key] = Frame(bool(run.opening), *around, before_ids, after_ids, header, end, gap)
            found.append(self._frames[key])
        return tuple(found) if len(found) == messages else None

    def _literal(self, text: str, opening: str) -> list[int]:
        ids = self.tokenizer.encode(opening + text, add_special_tokens=False).ids if text else []
        return ids[bool(opening) :]

    def _find_end(self) -> int:
        """The special token that ends a reply. Raises UserError when there is none."""
        layout = self.of(("user", "assistant"))
        if isinstance(layout, RefusedError):
            raise UserError(f"the chat template renders no question with its answer ({layout}); correct it")
        ends = [number for number in _fixed(layout.items)[2 * PARTS + END] if number in self._special]
        if not ends:
            raise UserError(
                "the chat template ends a reply with no special token, so a model would never learn to stop; write "
                "{{ eos_token }} after the assistant's content, or choose another template"
            )
        return ends[0]


def _messages(speakers: Speakers) -> Messages:
    """Messages for a template, with sentinels as contents."""
    found: Messages = []
    called = thought = ""
    for number, speaker in enumerate(speakers):
        content = f"\ue000{number}\ue001"
        if isinstance(speaker, Thought):
            thought = f"<think>\n{content}\n</think>\n\n"
            continue
        more: Message = {"thought": number - 1} if thought else {}
        if isinstance(speaker, Call):
            more |= speaker.message(number)
            called, content = call_id(number), content * (not speaker.silent)
        elif speaker == "tool" and called:
            more = {"tool_call_id": called, "name": "tool"}
        role = speaker.role if isinstance(speaker, Call) else speaker
        found.append({"role": role, "content": thought + content, **more})
        thought = ""
    return found


def _sentinels(message: Message) -> list[int]:
    return [int(number) for number in SENTINEL.findall(str(message["content"]))]


def _numbers(message: Message) -> list[int]:
    """Of the messages that one for a template stands for."""
    numbers = _sentinels(message)
    own = [int(str(message["number"]))] if "number" in message else []
    return numbers + [number for number in own if number not in numbers]


def _fixed(items: tuple[Fixed | Run, ...]) -> dict[int, list[int]]:
    """The ids that stand at each place whatever is said."""
    found: dict[int, list[int]] = defaultdict(list)
    for item in items:
        if isinstance(item, Fixed):
            found[item.place] += item.ids
    return found


def _alike(one: Iterable[str], other: Iterable[str]) -> int:
    """How many characters two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _spaces_a_start(tokenizer: Tokenizer, special: str) -> bool:
    """Whether text that begins a text has other tokens than text after a special token."""
    texts = ("a", " a", "\n") if special else ()
    alone, amid = (
        [tokenizer.encode(first + text, add_special_tokens=False).ids for text in texts] for first in ("", special)
    )
    return alone != [ids[1:] for ids in amid]


def _for_text(tokenizer_json: str) -> str:
    """The tokenizer with every control token marked as special, as not all of Qwen's and Phi's are, and without what
    would add tokens or trim offsets."""
    found = json.loads(tokenizer_json)
    for token in found["added_tokens"]:
        token["special"] = token["special"] or bool(CONTROL.fullmatch(token["content"]))
    return json.dumps(found | {"post_processor": None}, ensure_ascii=False)
