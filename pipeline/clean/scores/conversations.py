"""Everything that is known about a conversation after one pass over its text."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import regex

from configs.clean import Translation
from pipeline.clean.privacy.pii import Recognise, Span, mask_conversation, may_hold_pii
from pipeline.clean.repair.repair import Repair
from pipeline.clean.scores.language import UNKNOWN, Language, Spoken, languages
from pipeline.clean.scores.layout import unaccounted
from pipeline.clean.scores.offensive import Offence, offences
from pipeline.clean.scores.prompt_leak import leaks
from pipeline.clean.scores.rare_words import KnownWords
from pipeline.clean.scores.refusal import is_refusal
from pipeline.clean.scores.repetition import reply_repetition
from pipeline.clean.scores.roles import role_faults
from pipeline.clean.scores.translation import Translate, is_foreign
from pipeline.clean.scores.words import Texts, Words, known_words
from pipeline.rows.text_hash import hash_normalised

Ends = npt.NDArray[np.int64]
"""[conversations + 1]: where the turns of each conversation begin and end."""
Turns = list[tuple[str, str]]
"""(role, content) of each turn of a conversation."""

LEAST_CHARS = 50
"""Shares of letters, capitals and digits are of texts of at least so many characters without spaces; of a
shorter one they tell nothing ("5", ":)", "OK")."""
NOTICED_SHARE = 0.3
"""Replies with a larger share of digits or non-letters are looked at again: layout or prompt may account for it."""
NOT_LETTER_OR_MARK = regex.compile(r"[^\p{L}\p{M}]")
SAYING = ("system", "user")
"""Whose turns must have a text, beside the replies: a tool may return nothing."""
MOST_FOREIGN = 0.8
"""A turn that is surer than this in another language than English is not read for English offence."""
ECHO_WORDS = 4
"""A shorter reply may equal its prompt: "hello" to "hello"."""


class Scores(NamedTuple):
    """One conversation, repaired and scored. From language on, the names are columns of the artifact `score`."""

    contents: list[str]
    translated_from: str | None
    language: str
    language_confidence: float
    languages: list[Language]
    turn_languages: list[Language]
    offensive: float
    offence: Offence | None
    repetition: float
    chars: int
    reply_chars: int
    assistant_chars: int
    tokens: int
    reply_ratio: float
    non_letters: float
    capitals: float
    digits: float
    echo: float
    refusals: int
    leaks: int
    empty_turns: int
    role_faults: list[str]
    rare_words: float
    repairs: list[str]
    pii: list[Span]
    text_hash: str


class Dialogue(NamedTuple):
    """What the turns of one conversation are to each other."""

    chars: int
    reply_chars: int
    assistant_chars: int
    reply_ratio: float
    echo: float
    refusals: int
    leaks: int
    empty_turns: int
    role_faults: list[str]
    text_hash: str


@dataclass(frozen=True)
class Preparation:
    """What is done to the texts of a conversation before they are scored.

    searched_chars: in a longer conversation, which no rule lets pass, no personal data is looked for.
    """

    repair: Repair
    pii_types: Sequence[str]
    recognise: Recognise | None = None
    translate: Translate | None = None
    translation: Translation = field(default_factory=Translation)
    known: KnownWords | None = None
    searched_chars: int | None = None


@dataclass
class Prepared:
    """A batch on its way: contents and their words' numbers by turn, the rest by conversation."""

    contents: list[str]
    numbers: list[list[int]]
    repairs: list[set[str]]
    spans: list[list[Span]]

    def put(self, words: Words, turn: int, text: str) -> bool:
        """Puts a text in a turn's place; whether it is another."""
        changed = text != self.contents[turn]
        if changed:
            self.contents[turn], self.numbers[turn] = text, words.numbers(text)
        return changed


def score_conversations(
    conversations: Sequence[Turns], preparation: Preparation, context: Mapping[int, Collection[int]] | None = None
) -> list[Scores]:
    """Repairs and masks every turn, then scores the whole batch at once.

    context: conversation to the numbers of its assistant turns that are not learned; like what tools return they are
    no replies to the scores. A conversation's scores do not depend on the others of the batch.
    """
    words = known_words()
    words.limit()
    roles = [role for turns in conversations for role, _ in turns]
    ends = np.cumsum([0, *map(len, conversations)])
    batch = prepare(words, conversations, preparation)
    replies = np.array([role == "assistant" for role in roles], bool)
    spoken = np.array([role != "tool" for role in roles], bool)
    for number, turns in (context or {}).items():
        replies[[ends[number] + turn for turn in turns]] = False
    of_turns, of_conversations = languages(words, batch.numbers, batch.contents, ends, replies, spoken)
    translated: dict[int, str] = {}
    if preparation.translate:
        translated = _translate(words, batch, preparation, ends, of_turns, of_conversations)
        of_turns, of_conversations = languages(words, batch.numbers, batch.contents, ends, replies, spoken)
    rare = _rare_words(words, batch, preparation, ends)
    words.settle()
    contents = batch.contents
    texts = Texts(batch.numbers)
    heard = np.array([code in ("en", UNKNOWN) or sure < MOST_FOREIGN for code, sure in of_turns], bool)
    offence = offences(words, texts, contents, roles, replies, ends, heard)
    prompts = prompts_of(roles, contents, ends)
    repeated = [
        reply_repetition(prompt, text, known) if reply else 0.0
        for reply, prompt, text, known in zip(replies.tolist(), prompts, contents, batch.numbers, strict=True)
    ]
    tokens = total(texts.total(words.field("tokens")), ends).tolist()
    non_letters, capitals, digits = reply_shares(words, texts, replies, ends)
    for number, (start, end) in enumerate(pairwise(ends.tolist())):
        for kind, shares in (("non_letters", non_letters), ("digits", digits)):
            if shares[number] > NOTICED_SHARE:
                said = [(prompts[turn], contents[turn]) for turn in range(start, end) if replies[turn]]
                shares[number] = unaccounted_share(kind, said)
    normal = [words.normalised(text, known) for text, known in zip(contents, batch.numbers, strict=True)]
    found = []
    for number, (start, end) in enumerate(pairwise(ends.tolist())):
        its = dialogue(
            roles[start:end], contents[start:end], normal[start:end], prompts[start:end], replies[start:end].tolist()
        )
        found.append(
            Scores(
                contents=contents[start:end],
                translated_from=translated.get(number),
                language=of_conversations[number].code,
                language_confidence=of_conversations[number].confidence,
                languages=of_conversations[number].shares,
                turn_languages=of_turns[start:end],
                offensive=offence[number].score,
                offence=offence[number] if offence[number].words else None,
                repetition=max(repeated[start:end], default=0.0),
                chars=its.chars,
                reply_chars=its.reply_chars,
                assistant_chars=its.assistant_chars,
                tokens=tokens[number],
                reply_ratio=its.reply_ratio,
                non_letters=non_letters[number],
                capitals=capitals[number],
                digits=digits[number],
                echo=its.echo,
                refusals=its.refusals,
                leaks=its.leaks,
                empty_turns=its.empty_turns,
                role_faults=its.role_faults,
                rare_words=rare[number],
                repairs=sorted(batch.repairs[number]),
                pii=batch.spans[number],
                text_hash=its.text_hash,
            )
        )
    return found


def prepare(words: Words, conversations: Sequence[Turns], preparation: Preparation) -> Prepared:
    """The turns repaired and masked, and what was done. Words that cannot be part of personal data are not searched."""
    repair = preparation.repair
    repaired = [[repair(content) for _, content in turns] for turns in conversations]
    contents = [text for turns in repaired for text, _ in turns]
    repairs = [{name for _, changed in turns for name in changed} for turns in repaired]
    batch = Prepared(contents, list(map(words.numbers, contents)), repairs, [])
    words.settle()
    texts = Texts(batch.numbers)
    signs, digits = texts.either(words.field("signs")).tolist(), texts.total(words.field("digits")).tolist()
    stretched = texts.either(words.field("elongated")).tolist()
    start = 0
    for number, turns in enumerate(conversations):
        end = start + len(turns)
        if any(stretched[start:end]):
            changed = [batch.put(words, turn, repair.elongated(contents[turn])) for turn in range(start, end)]
            repairs[number] |= {"elongated"} if any(changed) else set()
        pieces: list[Span] = []
        searched = list(map(may_hold_pii, signs[start:end], digits[start:end]))
        if (preparation.recognise or any(searched)) and not _too_long(contents[start:end], preparation):
            masked, pieces = mask_conversation(
                contents[start:end], preparation.pii_types, preparation.recognise, searched
            )
            for turn, text in enumerate(masked, start):
                batch.put(words, turn, text)
        batch.spans.append(pieces)
        start = end
    return batch


def _too_long(contents: Sequence[str], preparation: Preparation) -> bool:
    """Whether a conversation is not worth the work. It must stay as long as it is, since it may hold personal data."""
    return preparation.searched_chars is not None and sum(map(len, contents)) > preparation.searched_chars


def _translate(
    words: Words,
    batch: Prepared,
    preparation: Preparation,
    ends: Ends,
    of_turns: Sequence[Language],
    of_conversations: Sequence[Spoken],
) -> dict[int, str]:
    """Translates the foreign conversations of a batch, but for turns that need none: {conversation: from language}."""
    settings, translate = preparation.translation, preparation.translate
    assert translate is not None
    found: dict[int, str] = {}
    for number, (start, end) in enumerate(pairwise(ends.tolist())):
        if is_foreign(of_conversations[number][:2], settings) and not _too_long(batch.contents[start:end], preparation):
            for turn in range(start, end):
                code, confidence = of_turns[turn]
                if batch.contents[turn] and not (code == settings.into and confidence >= settings.min_confidence):
                    batch.put(words, turn, translate(batch.contents[turn]))
            batch.repairs[number].add("translation")
            found[number] = of_conversations[number][0]
    return found


def _rare_words(words: Words, batch: Prepared, preparation: Preparation, ends: Ends) -> list[float]:
    """Share of rare words of each conversation, 0 after they have been replaced."""
    known = preparation.known
    if known is None:
        return [0.0] * (len(ends) - 1)
    if not known.placeholder:
        return [known.share(batch.contents[start:end]) for start, end in pairwise(ends.tolist())]
    for number, (start, end) in enumerate(pairwise(ends.tolist())):
        if _too_long(batch.contents[start:end], preparation):
            continue
        changed = [batch.put(words, turn, known.replace(batch.contents[turn])) for turn in range(start, end)]
        if any(changed):
            batch.repairs[number].add("rare_words")
    return [0.0] * (len(ends) - 1)


def reply_shares(words: Words, texts: Texts, replies: npt.NDArray[np.bool_], ends: Ends) -> list[list[float]]:
    """(share of characters that are not letters, of letters that are capitals, of characters that are digits)
    over the assistant turns of every conversation; white space does not count. 0 below LEAST_CHARS characters.

    After Rae et al. 2021, appendix A1.1 (words without a letter), and the quality signals of RedPajama-V2
    (Weber et al. 2024), which count words; characters also measure texts without spaces.
    """
    chars, letters, capitals, digits = (
        total(np.where(replies, texts.total(words.field(name)), 0), ends)
        for name in ("chars", "letters", "capitals", "digits")
    )
    enough = chars >= LEAST_CHARS
    shares = ((chars - letters, chars), (capitals, letters), (digits, chars))
    return [np.where(enough, part / np.maximum(whole, 1), 0.0).round(4).tolist() for part, whole in shares]


def total(values: npt.NDArray[np.int64], ends: Ends) -> npt.NDArray[np.int64]:
    """Sum over the turns of every conversation."""
    sums = np.concatenate([[0], np.cumsum(values)])
    return sums[ends[1:]] - sums[ends[:-1]]


def unaccounted_share(kind: str, exchanges: Sequence[tuple[str, str]]) -> float:
    """Share of the replies' characters that are no letters, or digits, and that nothing accounts for (see layout).

    kind: the score. exchanges: (prompt, reply). White space does not count; 0 below LEAST_CHARS characters.
    """
    odd = chars = 0
    for prompt, reply in exchanges:
        chars += sum(map(len, reply.split()))
        rest = "".join(unaccounted(kind, prompt, reply).split())
        odd += len(NOT_LETTER_OR_MARK.findall(rest)) if kind == "non_letters" else sum(map(str.isdecimal, rest))
    return round(odd / chars, 4) if chars >= LEAST_CHARS else 0.0


def prompts_of(roles: Sequence[str], contents: Sequence[str], ends: Ends) -> list[str]:
    """For each turn, what the user said last before it in its conversation; "" for nothing."""
    found = []
    for start, end in pairwise(ends.tolist()):
        last = ""
        for turn in range(start, end):
            found.append(last)
            last = contents[turn] if roles[turn] == "user" else last
    return found


def dialogue(
    roles: Sequence[str],
    contents: Sequence[str],
    normal: Sequence[str],
    prompts: Sequence[str] | None = None,
    learned: Sequence[bool] | None = None,
) -> Dialogue:
    """What follows from who says what. normal: the contents normalised. prompts: of each turn, see prompts_of.
    learned: whether each turn is a reply that is learned; without it all replies are.
    """
    prompts = prompts_of(roles, contents, np.array([0, len(roles)])) if prompts is None else prompts
    learned = [role == "assistant" for role in roles] if learned is None else learned
    chars = list(map(len, contents))
    replies = [turn for turn, reply in enumerate(learned) if reply]
    empty = [turn for turn, role in enumerate(roles) if not chars[turn] and (learned[turn] or role in SAYING)]
    reply_chars = [chars[turn] for turn in replies]
    asked = sum(n for n, role in zip(chars, roles, strict=True) if role == "user")
    system = next((n for n, role in zip(normal, roles, strict=True) if role == "system"), "")
    echoes = [turn for turn in replies if turn and roles[turn - 1] == "user" and normal[turn] == normal[turn - 1]]
    return Dialogue(
        chars=sum(chars),
        reply_chars=min(reply_chars, default=0),
        assistant_chars=sum(reply_chars),
        reply_ratio=round(sum(reply_chars) / max(asked, 1), 4),
        echo=round(sum(normal[turn].count(" ") + 1 >= ECHO_WORDS for turn in echoes) / max(len(replies), 1), 4),
        refusals=sum(is_refusal(normal[turn]) for turn in replies),
        leaks=sum(leaks(contents[turn], normal[turn], system, prompts[turn]) for turn in replies),
        empty_turns=len(empty),
        role_faults=role_faults(roles),
        text_hash=hash_normalised(zip(roles, normal, strict=True)),
    )
