"""From who said what to a canonical conversation: optional system, then user and assistant in turn."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.acquire.containers.malformed import Malformed

Turn = tuple[str, str]
"""(role or speaker, text)"""

ROLES = {
    "system": ("system", "developer"),
    "user": ("user", "human", "prompter", "customer", "client"),
    "assistant": ("assistant", "gpt", "chatgpt", "bot", "chatbot", "ai", "model", "agent"),
    "tool": ("tool", "function", "observation", "ipython", "tool_response", "function_response"),
    "call": ("tool_call", "function_call"),
}
ROLE_OF = {name: role for role, names in ROLES.items() for name in names}


@dataclass
class Conversation:
    """Messages as (role, content) pairs, and what is known about them."""

    messages: list[Turn]
    conversation_id: str | None = None
    user_id: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


def from_turns(turns: Iterable[Turn]) -> Conversation:
    """The conversation that the turns make.

    Speakers are mapped to roles (ROLES). Two speakers with other names are two people: the first to
    speak is the user. System texts go to the front. What a tool returned is context that the
    assistant answers from, so it joins the user's side; calls of tools are left out. Empty turns are
    left out, consecutive turns of one role are joined by a newline, assistant turns before the first
    user turn and user turns after the last assistant turn are dropped and counted in the metadata.

    Raises Malformed (unknown_role, no_prompt, no_reply).
    """
    spoken = [turn for turn in turns if turn[1] and not turn[1].isspace()]
    if all(speaker in ROLE_OF for speaker, _ in spoken):
        spoken = [(ROLE_OF[speaker], text) for speaker, text in spoken]
    else:
        spoken = _with_roles(spoken)
    if [role for role, _ in spoken] == ["user", "assistant"]:
        return Conversation(spoken)
    systems = [text for role, text in spoken if role == "system"]
    merged: list[Turn] = []
    tools = 0
    for role, text in spoken:
        tools += role == "tool"
        if role in ("system", "call"):
            continue
        role = "user" if role == "tool" else role
        if merged and merged[-1][0] == role:
            merged[-1] = (role, f"{merged[-1][1]}\n{text}")
        else:
            merged.append((role, text))
    metadata = {"tool_turns": str(tools)} if tools else {}
    if not any(role == "assistant" for role, _ in merged):
        raise Malformed("no_reply", f"no assistant turn among {len(merged)}")
    if merged[0][0] == "assistant":
        del merged[0]
        metadata["leading_turns_dropped"] = "1"
    if not merged:
        raise Malformed("no_prompt", "no user turn")
    if merged[-1][0] == "user":
        del merged[-1]
        metadata["trailing_turns_dropped"] = "1"
    if not merged:
        raise Malformed("no_reply", "no assistant turn after the first user turn")
    head = [("system", "\n".join(systems))] if systems else []
    return Conversation(head + merged, metadata=metadata)


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
    missing = [role for role in ("user", "assistant") if role not in roles.values()]
    if len(unknown) > len(missing):
        raise Malformed("unknown_role", f"{len(unknown)} speakers that are neither user nor assistant")
    roles.update(zip(unknown, missing, strict=False))
    return [(roles[speaker], text) for speaker, text in spoken]
