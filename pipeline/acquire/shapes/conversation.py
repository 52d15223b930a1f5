"""From who said what to a canonical conversation: optional system, then user and assistant in turn."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from pipeline.acquire.containers.malformed import Malformed
from pipeline.rows.learned import NOT_LEARNED, not_learned

Turn = tuple[str, str]
"""(role or speaker, text)"""

ROLES = {
    "system": ("system", "developer"),
    "user": ("user", "human", "prompter", "customer", "client"),
    "assistant": ("assistant", "gpt", "chatgpt", "bot", "chatbot", "ai", "model", "agent"),
    "tool": ("tool", "function", "observation", "ipython", "tool_response", "function_response", "tool_result"),
    "call": ("call", "tool_call", "function_call"),
    "reasoning": ("reasoning",),
    "unlearned": ("unlearned",),
}
"""Roles, and what people call them. A call is the assistant's; so is an unlearned turn, which is context only."""

ROLE_OF = {name: role for role, names in ROLES.items() for name in names}
ASSISTANT = ("assistant", "call", "unlearned")
PAIR = ["user", "assistant"]
IN_TURN = ["user", "assistant"] * 500


@dataclass
class Conversation:
    """Messages as (role, content) pairs, and what is known about them.

    left_out: what of the record is in no message: reasoning, knowledge. rejected: the turns of the worse side of a
    preference, after so many (shared) that are the messages' own.
    """

    messages: list[Turn]
    conversation_id: str | None = None
    user_id: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    rejected: list[Turn] = field(default_factory=list)
    shared: int = 0


THOUGHT = re.compile(r"\s*<(think|thinking|thought)>(.*?)</\1>\s*", re.DOTALL)
"""What a model thought, before the reply that it led to, as DeepSeek-R1, Qwen3 and QwQ write both into one text."""

MISSING, ASIDE = "\0missing", "\0aside"
"""Speakers of no turn: what follows rests on what is no text, for the reason given; and what of a turn is left out."""
CUT = "turns on a missing part"
LOST = "a reply rests on what a tool returned, which is absent or empty"


def from_turns(turns: Iterable[Turn], reasoning: bool = False) -> Conversation:
    """The conversation that the turns make.

    Speakers are mapped to roles (ROLES). Two speakers with other names are two people: the first to
    speak is the user. System texts before the first turn are joined, later ones stay where they govern
    what follows. What a tool returned is a turn of its own; a call is a part of the assistant's turn.
    reasoning: kept before the reply as <think> … </think>, as DeepSeek-R1 and Qwen3 write it; else left out. It is a
    turn of its own, or begins a reply so.
    Empty turns are left out, consecutive turns of one role are joined by a newline, assistant turns before
    the first user turn and turns after the last reply are dropped. What was mended so is in the
    metadata: role_faults in the words of pipeline/clean/scores/roles.py, and the counts. Turns that are
    not to be learned are named there too (pipeline/rows/learned.py). A conversation without any user, in which
    a system text is answered, stays as it is: clean's rule on role_faults decides. Of one that comes to rest
    on what is no text (MISSING), or on a tool's result that is not there, the turns before stay.

    Raises Malformed (unknown_role, no_prompt, no_reply, not_learned, missing_part).
    """
    spoken = [turn for turn in turns if turn[1] and not turn[1].isspace()]
    if all(speaker in ROLE_OF for speaker, _ in spoken):
        spoken = [(ROLE_OF[speaker], text) for speaker, text in spoken]
    else:
        asides = tuple(dict.fromkeys(text for speaker, text in spoken if speaker == ASIDE))
        missing = next((text for speaker, text in spoken if speaker == MISSING), "")
        if asides or missing:
            return _marked([turn for turn in spoken if turn[0] != ASIDE], asides, missing, reasoning)
        spoken = _with_roles(spoken)
    if any(role in ASSISTANT and thinks(text) for role, text in spoken):
        spoken = [turn for said in spoken for turn in (_apart(*said) if said[0] in ASSISTANT else [said])]
    roles = [role for role, _ in spoken]
    if roles == PAIR:
        return Conversation(spoken)
    if "call" in roles and ("call", "assistant") in pairwise(role for role in roles if role != "reasoning"):
        return _marked(_before_lost_result(spoken), (), LOST, reasoning)
    head = roles[:1] == ["system"]
    if len(roles) > head and roles[head:] == IN_TURN[: (len(roles) - head) // 2 * 2]:
        return Conversation(spoken)
    thoughts = sum(role == "reasoning" for role, _ in spoken)
    spoken = _thinking(spoken) if reasoning else [turn for turn in spoken if turn[0] != "reasoning"]
    merged, faults = _merged(spoken)
    if not any(role in ASSISTANT for role, _ in merged):
        raise Malformed("no_reply", f"no assistant turn among {sum(role != 'system' for role, _ in merged)}")
    metadata = {}
    first = next(at for at, (role, _) in enumerate(merged) if role != "system")
    if first and all(role in ("system", *ASSISTANT) for role, _ in merged):
        pass  # nobody asked, the system text did
    elif merged[first][0] in ASSISTANT:
        del merged[first]
        metadata["leading_turns_dropped"] = "1"
        faults.append("assistant_first")
        merged, _ = _merged(merged)
    if not any(role != "system" for role, _ in merged):
        raise Malformed("no_prompt", "no user turn")
    last = max((at for at, (role, _) in enumerate(merged) if role in ("assistant", "call")), default=-1)
    if last < 0:
        if any(role == "unlearned" for role, _ in merged):
            raise Malformed("not_learned", "every assistant turn is marked as not to be learned")
        raise Malformed("no_reply", "no assistant turn after the first user turn")
    if dropped := len(merged) - 1 - last:
        metadata["trailing_turns_dropped"] = str(dropped)
        faults += ["unanswered"] if merged[-1][0] == "user" else []
        del merged[last + 1 :]
    if tools := sum(role == "tool" for role, _ in merged):
        metadata["tool_turns"] = str(tools)
    if faults:
        metadata["role_faults"] = ", ".join(dict.fromkeys(faults))
    if unlearned := [at for at, (role, _) in enumerate(merged) if role == "unlearned"]:
        metadata[NOT_LEARNED] = ", ".join(map(str, unlearned))
    found = [("assistant" if role in ASSISTANT else role, text) for role, text in merged]
    return Conversation(found, metadata=metadata, left_out=("reasoning",) if thoughts and not reasoning else ())


def _marked(spoken: list[Turn], asides: tuple[str, ...], missing: str, reasoning: bool) -> Conversation:
    """The conversation of what comes before a missing part."""
    if missing:
        spoken = spoken[: next(at for at, turn in enumerate(spoken) if turn[0] == MISSING)]
    try:
        found = from_turns(spoken, reasoning)
    except Malformed as problem:
        if missing and problem.rule in ("no_reply", "no_prompt"):
            raise Malformed("missing_part", missing) from problem
        raise
    found.left_out += asides + ((CUT,) if missing else ())
    if missing:
        found.metadata["missing_part"] = missing
    return found


def _before_lost_result(spoken: list[Turn]) -> list[Turn]:
    """The turns up to the first call that the assistant goes on from without its result, and that such is missing."""
    kept: list[Turn] = []
    for role, text in spoken:
        if role == "assistant" and next((r for r, _ in reversed(kept) if r != "reasoning"), "") == "call":
            break
        kept.append((role, text))
    return [*kept, (MISSING, LOST)]


def before(found: Conversation, turn: int, reason: str) -> Conversation:
    """The conversation up to its last reply before a turn that rests on what is no text.

    Raises Malformed (missing_part) when no reply that is learned is left.
    """
    unlearned = not_learned(found.metadata.items())
    last = max((at for at in range(turn) if found.messages[at][0] == "assistant" and at not in unlearned), default=-1)
    if last < 0:
        raise Malformed("missing_part", reason)
    metadata = found.metadata | {"missing_part": reason}
    if unlearned:
        metadata[NOT_LEARNED] = ", ".join(map(str, sorted(at for at in unlearned if at < last)))
    return replace(
        found, messages=found.messages[: last + 1], metadata=metadata, left_out=(*found.left_out, CUT), rejected=[]
    )


def _merged(spoken: list[Turn]) -> tuple[list[Turn], list[str]]:
    """The turns, those of one role in a row as one; and the fault in their order that this mended."""
    merged: list[Turn] = []
    faults = []
    for role, text in spoken:
        before = merged[-1][0] if merged else ""
        if before == role or (before in ("assistant", "call") and role in ("assistant", "call")):
            merged[-1] = (role, f"{merged[-1][1]}\n{text}")
            faults += ["same_role_twice"] if role == before and role in ("user", "assistant", "unlearned") else []
        else:
            merged.append((role, text))
    return merged, faults


def thinks(text: str) -> bool:
    """Whether a reply may begin with what its model thought; cheap."""
    return "<th" in text[:16]


def _apart(role: str, text: str) -> list[Turn]:
    """A reply, and before it the thoughts that it begins with. Thoughts without an end are left in it."""
    found: list[Turn] = []
    while thought := THOUGHT.match(text):
        found.append(("reasoning", thought[2].strip()))
        text = text[thought.end() :]
    found.append((role, text))
    return [turn for turn in found if turn[1]]


def _thinking(spoken: list[Turn]) -> list[Turn]:
    """The turns with reasoning before the reply that it led to; reasoning that led to none is left out."""
    found: list[Turn] = []
    thought: list[str] = []
    for role, text in spoken:
        if role == "reasoning":
            thought.append(text)
        else:
            if thought and role in ASSISTANT:
                text = "<think>\n" + "\n".join(thought) + f"\n</think>\n\n{text}"
            thought = []
            found.append((role, text))
    return found


def alternating(texts: Iterable[str]) -> Conversation:
    """The conversation of two unnamed people who speak in turn; the first is the user."""
    return from_turns([("user" if i % 2 == 0 else "assistant", text) for i, text in enumerate(texts)])


def check_text(conversation: Conversation) -> None:
    """Raises Malformed (nul_character, invalid_utf8) for a text that Parquet and tokenizers cannot carry."""
    for turn, (_, content) in enumerate(conversation.messages):
        if "\0" in content or not content.isascii():
            _check(content, f"turn {turn}")
    for name in (conversation.conversation_id, conversation.user_id, *conversation.metadata.values()):
        if name:
            _check(name, "metadata")


def _check(text: str, where: str) -> None:
    if "\0" in text:
        raise Malformed("nul_character", where)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Malformed("invalid_utf8", f"{where}, character {error.start}") from error


def _with_roles(spoken: list[Turn]) -> list[Turn]:
    """The turns with roles for speakers."""
    spoken = [(speaker.strip(), text) for speaker, text in spoken]
    roles = {speaker: ROLE_OF.get(speaker.lower(), "") for speaker, _ in spoken}
    unknown = [speaker for speaker, role in roles.items() if not role]
    known = {"assistant" if role in ASSISTANT else role for role in roles.values()}
    missing = [role for role in ("user", "assistant") if role not in known]
    if len(unknown) > len(missing):
        raise Malformed("unknown_role", f"{len(unknown)} speakers that are neither user nor assistant")
    roles.update(zip(unknown, missing, strict=False))
    return [(roles[speaker], text) for speaker, text in spoken]
