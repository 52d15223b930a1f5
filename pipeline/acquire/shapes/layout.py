"""Where, in the records of one file, a conversation lies."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipeline.acquire.shapes.names import plain, words
from pipeline.acquire.shapes.verdict import verdict_name

METADATA = frozenset(
    (
        "topic",
        "topics",
        "category",
        "categories",
        "domain",
        "services",
        "language",
        "lang",
        "licence",
        "license",
        "tags",
    )
)
CONVERSATION_ID = frozenset(["conversationid", "dialogueid", "dialogid", "threadid", "convid", "id", "uuid"])
USER_ID = frozenset(["userid", "authorid", "askerid"])
SYSTEM = frozenset(["system", "systemprompt", "systemmessage", "systeminstruction"])
HISTORY = frozenset(
    (
        *("history", "chathistory", "conversationhistory", "messagehistory", "dialoghistory", "dialoguehistory"),
        *("previousturns", "previousmessages"),
    )
)

Record = dict[str, Any]
TOOLS = frozenset(["tools", "functions"])
THOUGHTS = frozenset(("reasoning", "rationale", "rationales", "thinking", "thought", "thoughts", "cot"))
RUN_TOGETHER = frozenset(("cot", "complexcot", "longcot", "shortcot", "chainofthought", "reasoningcontent"))
"""Words in the names of what a model thought: deepseek_reasoning, thinking_trajectory, complex_cot."""
ABOUT_THOUGHTS = frozenset(
    (
        *("effort", "budget", "mode", "type", "level", "tokens", "length", "score", "id", "enabled", "category"),
        *("domain", "count", "model", "language", "lang", "time", "quality", "task", "skill", "source"),
    )
)
"""Words that say that a column counts or names reasoning and does not hold it."""
CHOICES = frozenset(("choices", "options", "answerchoices", "answeroptions", "multiplechoiceoptions"))
GROUNDS = CHOICES | frozenset(
    ("context", "contexts", "document", "documents", "passage", "passages", "paragraphs", "knowledge", "evidence")
)
"""What a reply rests on: a shape that does not tell it to the model has left it out."""
NOTES = frozenset(("metadata", "meta", "annotation", "annotations", "extra", "extrainfo", "additionalinfo"))
"""Objects that may hold verdicts."""
MEDIA = frozenset(
    (
        *("image", "images", "imageurl", "imagepath", "imagefile", "imageid", "img", "picture", "pictures"),
        *("pixelvalues", "video", "videos", "audio", "audios"),
    )
)


@dataclass(frozen=True)
class Layout:
    """The shape of a file's records and the columns that it takes.

    column: holds the whole conversation, or its last side (preference, completion); None when the record
    itself is the conversation. prompt, reply: the columns of a conversation of two turns. sides: the two
    columns that a verdict compares. system, history, tools: what comes before. thoughts: what the model
    thought before its reply; reasoning: they are kept with it. media: images and the like that the
    conversation is about. choices: the options of a question. grounds: what a reply rests on and no message
    holds. rejected: the worse side. verdicts: what people thought of the reply. scales: (column, number below which
    it is bad) of the verdicts that are numbers. notes: objects that may hold verdicts too. optional: columns of the
    prompt that the first records did not show, taken where they hold a text. given: the profile says so, nothing else
    is tried.
    """

    shape: str
    column: str | None = None
    prompt: tuple[str, ...] = ()
    reply: str | None = None
    sides: tuple[str, ...] = ()
    system: str | None = None
    history: str | None = None
    tools: str | None = None
    thoughts: str | None = None
    media: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()
    rejected: str | None = None
    verdicts: tuple[str, ...] = ()
    scales: tuple[tuple[str, float], ...] = ()
    notes: tuple[str, ...] = ()
    conversation_id: str | None = None
    user_id: str | None = None
    metadata: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    given: bool = False
    reasoning: bool = False

    @cached_property
    def opens(self) -> bool:
        """Whether something may come before the prompt."""
        return bool(self.system or self.history or self.tools)

    @property
    def text_columns(self) -> list[str]:
        """The columns whose text enters the conversation."""
        taken = (
            self.system,
            self.history,
            self.tools,
            self.thoughts,
            *self.prompt,
            self.column,
            self.reply,
            *self.choices,
            self.rejected,
            *self.sides,
        )
        return [c for c in taken if c is not None]

    @property
    def columns(self) -> list[str]:
        """Every column that is read."""
        more = [c for c in (self.conversation_id, self.user_id) if c is not None]
        beside = [*self.media, *self.grounds, *self.verdicts, *self.notes, *more, *self.metadata]
        return list(dict.fromkeys([*self.text_columns, *beside]))

    def __str__(self) -> str:
        if self.sides:
            said = f"{self.shape}: {' or '.join(self.sides)}"
        elif self.reply is None:
            said = f"{self.shape} in {self.column or 'each record'}"
        else:
            said = f"{self.shape}: {' + '.join(c for c in (self.system, *self.prompt) if c)} → {self.reply}"
        return said


def about(columns: list[str], taken: tuple[str | None, ...]) -> dict[str, Any]:
    """What else of a record counts, by the columns' names: identifiers, metadata, earlier turns, tools, verdicts."""
    free = {c: plain(c) for c in columns if c not in taken}

    def first(wanted: frozenset[str]) -> str | None:
        return next((c for c, name in free.items() if name in wanted), None)

    return {
        "conversation_id": first(CONVERSATION_ID),
        "user_id": first(USER_ID),
        "history": first(HISTORY),
        "tools": first(TOOLS),
        "thoughts": next((c for c in free if _is_thought(c)), None),
        "metadata": tuple(c for c, name in free.items() if name in METADATA),
        "media": tuple(c for c, name in free.items() if name in MEDIA),
        "grounds": tuple(c for c, name in free.items() if name in GROUNDS),
        "verdicts": tuple(c for c in free if verdict_name(c)),
        "notes": tuple(c for c, name in free.items() if name in NOTES),
    }


def _is_thought(column: str) -> bool:
    said = set(words(column))
    named = THOUGHTS & said or plain(column) in RUN_TOGETHER
    return bool(named) and not ABOUT_THOUGHTS & said and "is" not in said and "has" not in said


def find_system(columns: list[str]) -> str | None:
    """The column with the system text."""
    return next((c for c in columns if plain(c) in SYSTEM), None)
