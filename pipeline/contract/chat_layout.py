"""Where the messages of a conversation stand in its tokens, found by rendering its chat template, whose ever it is.

The roles of a conversation are rendered once with sentinels as contents, which tells the literal text before, between
and after them. Special tokens in the literals divide the text into runs. A run is encoded as one text, so that its
tokens are those of apply_chat_template, and everything in it is text, whatever it looks like.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import takewhile

from tokenizers import AddedToken, Encoding, Tokenizer

from configs.errors import UserError
from pipeline.contract.chat_format import ChatFormat, RefusedError

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

MOST_REMEMBERED = 4096
"""Layouts, by the roles of a conversation."""

Span = tuple[int, int]


@dataclass(frozen=True)
class Fixed:
    """Tokens that are the same whatever the messages say."""

    place: int
    ids: list[int]


@dataclass(frozen=True)
class Lone:
    """A content that is the only one in its run, and the places and tokens of the literals around it."""

    place: int
    before: Fixed
    after: Fixed
    start: int


@dataclass(frozen=True)
class Run:
    """Text between special tokens that holds a content: pieces of (place, literal), a content's literal being empty.

    amid: it is encoded after AMID. lone: set when no more than one literal lies on either side of its only content.
    """

    pieces: tuple[tuple[int, str], ...]
    amid: bool
    lone: Lone | None

    def text(self, contents: list[str]) -> str:
        """What is encoded."""
        return AMID * self.amid + "".join(text for _, text in self._said(contents))

    def split(self, encoding: Encoding, contents: list[str]) -> list[tuple[int, list[int], int, int]]:
        """(place, its tokens, number of the first of them, where the place's text starts), in order.

        A token that touches a content is the content's.
        """
        ids, lone = encoding.ids, self.lone
        if lone:
            first, last = self.amid + len(lone.before.ids), len(ids) - len(lone.after.ids)
            if first <= last and ids[self.amid : first] == lone.before.ids and ids[last:] == lone.after.ids:
                return [
                    (lone.before.place, lone.before.ids, self.amid, 0),
                    (lone.place, ids[first:last], first, lone.start),
                    (lone.after.place, lone.after.ids, last, 0),
                ]
        return self._by_offsets(encoding, contents)

    def _by_offsets(self, encoding: Encoding, contents: list[str]) -> list[tuple[int, list[int], int, int]]:
        spans, start = [], len(AMID) * self.amid
        for place, text in self._said(contents):
            spans.append((place, start, start + len(text)))
            start += len(text)
        ids, offsets = encoding.ids, encoding.offsets
        owner = [_owner(spans, *offset) for offset in offsets]
        found = []
        for number, (place, begin, _) in enumerate(spans):
            own = [token for token in range(self.amid, len(ids)) if owner[token] == number]
            found.append((place, [ids[token] for token in own], own[0] if own else 0, begin))
        return found

    def _said(self, contents: list[str]) -> Iterator[tuple[int, str]]:
        for place, literal in self.pieces:
            yield place, (contents[place // PARTS - 1] if place % PARTS == CONTENT else literal)


def _owner(spans: list[tuple[int, int, int]], start: int, end: int) -> int:
    """The number of the content that a token touches, else of the literal that it starts in."""
    for number, (place, begin, stop) in enumerate(spans):
        if place % PARTS == CONTENT and start < stop and end > begin:
            return number
    return next((number for number, (_, _, stop) in enumerate(spans) if start < stop), len(spans) - 1)


@dataclass(frozen=True)
class Layout:
    """How the conversations of one order of roles become tokens."""

    items: tuple[Fixed | Run, ...]

    @property
    def runs(self) -> list[Run]:
        return [item for item in self.items if isinstance(item, Run)]


class LayoutFinder:
    """The layouts of one format. Raises UserError for a template that a model cannot learn to converse by.

    tokenizer: takes what looks like a special token for text. end: the special token that ends a reply.
    """

    def __init__(self, form: ChatFormat) -> None:
        self._form = form
        self.tokenizer = Tokenizer.from_str(_for_text(form.tokenizer))
        self._special = {n: t.content for n, t in self.tokenizer.get_added_tokens_decoder().items() if t.special}
        self._spaced = _spaces_a_start(self.tokenizer, next(iter(self._special.values()), ""))
        if self._spaced:
            self.tokenizer.add_tokens([AddedToken(AMID, normalized=False)])
        self.tokenizer.encode_special_tokens = True
        self._last_tail = cache(self._find_last_tail)
        self.of = lru_cache(MOST_REMEMBERED)(self._find)
        self.end = self._find_end()

    def _find(self, roles: tuple[str, ...], reply: bool = False) -> Layout | RefusedError:
        """The layout of the conversations whose messages have these roles, with the header of a reply to come."""
        if not roles:
            return Layout(())
        try:
            text, contents = self._rendered(roles, reply)
        except RefusedError as error:
            return error
        special = self._special_spans(text)
        begin = contents[0][0] - self._own_header(roles[0], text[: contents[0][0]], special)
        places: list[tuple[int, Span]] = [(GAP, (0, begin))]
        following = [*(start for start, _ in contents[1:]), len(text)]
        for number, (role, (start, stop), literal) in enumerate(zip(roles, contents, following, strict=True), 1):
            last = number == len(roles) and not reply
            end, gap = self._tail(role, text, (stop, literal), special, last)
            borders = (begin, start, stop, end, gap)
            places += [(PARTS * number + part, borders[part : part + 2]) for part in range(PARTS)]  # type: ignore[misc]
            begin = gap
        places.append((PARTS * (len(roles) + 1) + HEADER, (begin, len(text))))
        return Layout(tuple(self._items(text, places, special)))

    def _rendered(self, roles: tuple[str, ...], reply: bool = False) -> tuple[str, list[Span]]:
        """The text with sentinels, and where they stand. Raises RefusedError."""
        messages = [{"role": role, "content": f"\ue000{number}\ue001"} for number, role in enumerate(roles)]
        text = self._form.render(messages, reply)
        found = [(int(match[1]), match.span()) for match in SENTINEL.finditer(text)]
        if [number for number, _ in found] != list(range(len(roles))):
            missing = sorted(set(range(len(roles))) - {number for number, _ in found})
            what = f"leaves out what the {roles[missing[0]]} says" if missing else "moves messages"
            raise RefusedError(f"the template {what}")
        return text, [span for _, span in found]

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
            text, contents = self._rendered(("user", "assistant", role))
        except RefusedError:
            return len(literal)
        between = (contents[1][1], contents[2][0])
        _, begin = self._tail("assistant", text, between, self._special_spans(text), last=False)
        own = _alike(reversed(text[begin : between[1]]), reversed(literal))
        start = len(literal) - own
        return len(literal) - next((end for begin, end in special if begin < start < end), start)

    def _tail(self, role: str, text: str, literal: Span, special: dict[Span, int], last: bool) -> Span:
        """Where the special tokens that end a turn end, and where the turn does: what follows belongs to the next."""
        begin, stop = literal
        if not last:
            stop = begin + _alike(text[begin:stop], self._last_tail(role))
            stop = next((start for start, end in special if start < stop < end), stop)
        inside = sorted(span for span in special if begin <= span[0] and span[1] <= stop)
        end = begin
        for number, span in enumerate(inside):
            if number and span[0] != end:
                break
            end = span[1]
        return end, stop

    def _find_last_tail(self, role: str) -> str:
        """What follows a turn of that role when it is the last; nothing when the template lets it be last nowhere."""
        for roles in ((role,), ("user", role), ("user", "assistant", role)):
            try:
                text, contents = self._rendered(roles)
            except RefusedError:
                continue
            return text[contents[-1][1] :]
        return ""

    def _items(self, text: str, places: list[tuple[int, Span]], special: dict[Span, int]) -> Iterator[Fixed | Run]:
        """The pieces, divided at special tokens."""
        borders = sorted(special)
        pieces: list[tuple[int, str]] = []
        begins = True
        for place, (start, stop) in places:
            at = start
            for span in [span for span in borders if start <= span[0] < stop]:
                if text[at : span[0]]:
                    pieces.append((place, text[at : span[0]]))
                yield from self._run(pieces, not begins)
                begins, pieces = False, []
                yield Fixed(place, [special[span]])
                at = span[1]
            if place % PARTS == CONTENT:
                pieces.append((place, ""))
            elif text[at:stop]:
                pieces.append((place, text[at:stop]))
        yield from self._run(pieces, not begins)

    def _run(self, pieces: list[tuple[int, str]], amid: bool) -> Iterator[Fixed | Run]:
        amid = amid and self._spaced
        contents = [number for number, (place, _) in enumerate(pieces) if place % PARTS == CONTENT]
        run = Run(tuple(pieces), amid, None)
        if contents:
            if len(contents) == 1 and len(pieces[: contents[0]]) <= 1 and len(pieces[contents[0] + 1 :]) <= 1:
                run = Run(tuple(pieces), amid, self._lone(pieces, contents[0], amid))
            yield run
        elif pieces:
            encoding = self.tokenizer.encode(run.text([]), add_special_tokens=False)
            yield from (Fixed(place, ids) for place, ids, _, _ in run.split(encoding, []))

    def _lone(self, pieces: list[tuple[int, str]], number: int, amid: bool) -> Lone:
        place = pieces[number][0]
        before = pieces[number - 1] if number else (place - CONTENT + HEADER, "")
        after = pieces[number + 1] if number + 1 < len(pieces) else (place - CONTENT + END, "")
        start = len(AMID) * amid + len(before[1])
        return Lone(place, self._fixed(*before, amid=amid), self._fixed(*after, amid=self._spaced), start)

    def _fixed(self, place: int, text: str, amid: bool) -> Fixed:
        ids = self.tokenizer.encode(AMID * amid + text, add_special_tokens=False).ids if text else []
        return Fixed(place, ids[amid:])

    def _find_end(self) -> int:
        """The special token that ends a reply. Raises UserError when there is none."""
        layout = self.of(("user", "assistant"))
        if isinstance(layout, RefusedError):
            raise UserError(f"the chat template renders no question with its answer ({layout}); correct it")
        ends = [
            number
            for item in layout.items
            if isinstance(item, Fixed) and item.place == 2 * PARTS + END
            for number in item.ids
            if number in self._special
        ]
        if not ends:
            raise UserError(
                "the chat template ends a reply with no special token, so a model would never learn to stop; write "
                "{{ eos_token }} after the assistant's content, or choose another template"
            )
        return ends[0]


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
