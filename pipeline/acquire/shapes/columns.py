"""Tables in which some columns make the prompt and one the reply."""

from collections.abc import Iterable
from typing import Any

from configs.acquire import Columns
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes import choices, numbered, text
from pipeline.acquire.shapes.cell import answers_in, text_of
from pipeline.acquire.shapes.conversation import Conversation, from_turns, thinks
from pipeline.acquire.shapes.history import opening, with_thoughts
from pipeline.acquire.shapes.layout import CHOICES, Layout, about, find_system
from pipeline.acquire.shapes.names import names, plain, words

TITLE = ("title", "subject", "headline")
CONTEXT = (
    *("passage", "context", "background", "story", "document", "article"),
    *("passages", "contexts", "documents", "paragraphs", "knowledge", "evidence"),
)
TASK = ("instruction", "task")
QUESTION = ("question", "prompt", "query", "problem")
BODY = ("text", "body", "description", "input", "inputs", "content")
PROMPT_ORDER = (TITLE, CONTEXT, TASK, QUESTION, BODY)
KNOWN = frozenset(word for group in PROMPT_ORDER for word in group)
SPEAKER = ("user", "human")
REPLY_ORDER = (
    *("completions", "answer", "answers", "reply", "response", "output", "completion", "assistant", "bot", "solution"),
    "targets",
)
"""Inputs and targets are what FLAN, P3 and Aya call them."""
QUIZ_REPLIES = frozenset(("answerindex", "answeridx", "answerletter", "correctoption", "correctindex", "label", "gold"))
"""What counts or names the right option, where there are options."""
QUALIFIERS = ("text", "body", "best", "correct", "final", "message", "content", "key")


def detect(records: list[Any]) -> Layout | None:
    """The mapping that the columns' names suggest.

    A column is taken only when every word of its name is known, so questionID, questionLink and
    upvotes never are. A bool called label is a yes or a no.
    """
    there = names(records)
    reply = _reply(there, records)
    if reply is None:
        return None
    prompt = [c for c in _named(there, reply) if _text(c, records)]
    if not prompt:
        prompt = [c for c in there if c.lower() in SPEAKER and _text(c, records)]
    if not prompt:
        return None
    return arrange(there, Layout("columns", prompt=tuple(prompt), reply=reply))


def arrange(there: list[str], found: Layout | None) -> Layout:
    """The columns that the first records showed, and others that make a prompt by their names."""
    prompt, reply = (found.prompt, found.reply) if found else (("prompt",), "response")
    prompt = tuple(c for c in prompt if not found or c not in found.optional)
    more = [c for c in _named(there, reply) if c not in prompt]
    optional = tuple(more) if not prompt or prompt[0].lower() not in SPEAKER else ()
    prompt = tuple(_ranked([c for c in there if c in prompt or c in optional])) if optional else prompt
    system = find_system(there)
    beside = with_choices(about(there, (*prompt, reply, system)), there)
    return Layout("columns", prompt=prompt, reply=reply, optional=optional, system=system, **beside)


def with_choices(beside: dict[str, Any], there: list[str]) -> dict[str, Any]:
    """What lies beside a question, its options taken from what no message would hold."""
    named = tuple(c for c in beside["grounds"] if plain(c) in CHOICES)[:1]
    grounds = tuple(c for c in beside["grounds"] if c not in named)
    return beside | {"choices": named or choices.lettered(there), "grounds": grounds}


def given(columns: Columns, records: list[Any]) -> Layout:
    """The mapping that the profile gives."""
    taken = (columns.system, *columns.prompt, columns.reply)
    by_name = about(names(records), taken)
    return Layout(
        "columns",
        prompt=tuple(columns.prompt),
        reply=columns.reply,
        system=columns.system,
        conversation_id=columns.conversation_id or by_name["conversation_id"],
        user_id=columns.user_id or by_name["user_id"],
        metadata=by_name["metadata"],
        grounds=by_name["grounds"],
        verdicts=by_name["verdicts"],
        given=True,
    )


def read(record: Any, layout: Layout) -> Conversation:
    """The prompt columns joined by blank lines, answered by the reply column. Raises Malformed."""
    if not isinstance(record, dict):
        raise Malformed("wrong_type", f"the record is {type(record).__name__}, not an object")
    prompt = layout.prompt
    left_out: list[str] = []
    if layout.optional:
        unread = [c for c in layout.optional if record.get(c) and not _is_text(record[c])]
        left_out = [plain(c) for c in unread]
        prompt = tuple(c for c in prompt if c not in unread)
    parts = [said for c in prompt if (said := text_of(record.get(c), c))]
    if not parts and not any(column in record for column in prompt):
        raise Malformed("missing_columns", f"no {' and no '.join(layout.prompt)}")
    assert layout.reply is not None
    options = choices.options(record, layout) if layout.choices else []
    reply, *further = _answers(record.get(layout.reply), options, layout.reply)
    if not parts:
        raise Malformed("no_prompt", f"{' and '.join(prompt)} empty")
    if not reply:
        state = "empty" if layout.reply in record else "absent"
        raise Malformed("no_reply", f"{layout.reply} is {state}")
    turns = numbered.turns(parts, reply)
    if turns is None:
        said = parts[0] if len(parts) == 1 else "\n\n".join(dict.fromkeys(parts))
        turns = [("user", said), ("assistant", reply)]
        if not (layout.opens or layout.thoughts or options or further or left_out or thinks(reply)):
            return Conversation(turns)
    if options:
        turns[-2] = ("user", choices.listed(options, turns[-2][1]))
    found = from_turns(opening(record, layout) + with_thoughts(record, layout, turns), layout.reasoning)
    found.left_out += (*left_out, *["further answer"] * bool(further))
    return found


def _answers(value: Any, options: list[tuple[str, str]], column: str) -> list[str]:
    """The reply, empty when there is none, and other answers that are as good. Raises Malformed (wrong_type)."""
    if isinstance(value, str):
        return [value.strip()]
    given = choices.chosen(value, options)
    return [given] if given else answers_in(value, column) or [""]


def _named(there: list[str], reply: str | None) -> list[str]:
    """The columns whose every word is one that prompts are called, in the order of PROMPT_ORDER."""
    return _ranked([c for c in there if c != reply and words(c) and set(words(c)) <= KNOWN])


def _reply(found: list[str], records: list[Any]) -> str | None:
    quiz = any(plain(c) in CHOICES for c in found) or choices.lettered(found)
    kinds = str | bool | list | dict | int if quiz else str | bool | list | dict
    for word in REPLY_ORDER:
        named = [c for c in found if word in words(c) and set(words(c)) <= {word, *QUALIFIERS}]
        for column in sorted(named, key=lambda c: len(words(c))):
            if len(words(column)) > 1 and _bools(column, records):
                continue  # answer_correct is what somebody thought of an answer
            if any(isinstance(v, kinds) for v in _values(column, records)):
                return column
    if quiz and (option := next((c for c in found if plain(c) in QUIZ_REPLIES), None)):
        return option
    label = next((c for c in found if c.lower() == "label" and _bools(c, records)), None)
    if label is None:  # a number that answers: {"question": "How many legs…", "answer": 8}
        return next((c for c in found if plain(c) == "answer" and any(_values(c, records))), None)
    return label if text.detect(records) is None else None


def _ranked(columns: list[str]) -> list[str]:
    def rank(column: str) -> int:
        return next(i for i, group in enumerate(PROMPT_ORDER) if any(w in group for w in words(column)))

    return sorted(columns, key=rank)


def _values(column: str, records: list[Any]) -> Iterable[Any]:
    return (r[column] for r in records if isinstance(r, dict) and r.get(column) is not None)


def _text(column: str, records: list[Any]) -> bool:
    return any(_is_text(v) for v in _values(column, records))


def _is_text(value: Any) -> bool:
    """A text, or a list that holds nothing but texts, numbers and other such lists."""
    if isinstance(value, list):
        return all(isinstance(v, int | float) or v is None or _is_text(v) for v in value)
    return isinstance(value, str) or (isinstance(value, dict) and isinstance(value.get("text"), str))


def _bools(column: str, records: list[Any]) -> bool:
    values = list(_values(column, records))
    return bool(values) and all(isinstance(v, bool) for v in values)
