"""What a turn is made of: text, calls of tools and what they returned, reasoning; and what no text can hold."""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from pipeline.acquire.containers.arrow_types import JsonList, JsonObject
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.cell import list_of
from pipeline.acquire.shapes.conversation import ASIDE, MISSING, ROLE_OF, Turn
from pipeline.acquire.shapes.verdict import is_bad, is_fractional
from pipeline.contract.tool_calls import TOOLS

SPEAKER = ("role", "from", "speaker", "author", "sender", "speaker_id")
TEXT = ("content", "value", "text", "message", "utterance", "body", "parts")
REASONING = (
    *("reasoning_content", "reasoning", "thinking", "thought", "thoughts", "thinking_content", "rationale", "cot"),
    *("reasoning_details", "chain_of_thought"),
)
MEDIA = (
    "image",
    "images",
    "image_url",
    "image_file",
    "img",
    "picture",
    "audio",
    "audios",
    "video",
    "videos",
    "attachments",
    "files",
    "experimental_attachments",
    "image_urls",
    "image_path",
    "image_paths",
    "photo",
    "photos",
    "media",
)
LEARN = (
    *("weight", "train", "trainable", "loss", "loss_weight", "learn", "training", "train_on_turn", "loss_mask"),
    *("loss_scale", "is_train", "learnable", "trained", "compute_loss"),
)
"""0 or false: the turn is context. Keys of OpenAI's, Mistral's, axolotl's and MS-Swift's training files."""
MASKED = ("mask", "masked", "is_masked", "ignore_loss", "no_loss", "ignore", "skip")
JUDGED = ("label", "rating", "score", "feedback", "thumbs", "accepted", "rejected", "liked", "verdict")
SCALES = {"score": 0.0}
"""Numbers below which a turn is called bad; a score of 0 is what nobody has voted on."""
UNLEARNABLE = ("analysis", "thoughts", "reasoning_recap")
PLACEHOLDER = re.compile(
    r"(?:\A|\n)[ \t]*<\|?(?:image|video|audio)\|?>|<\|?(?:image|video|audio)\|?>[ \t]*(?:\n|\Z)"
    r"|<\|vision_start\|>|<img>[^<\n]+</img>|<\|?image[ _-]?\d+\|?>|<image(?:_placeholder|Here)>"
)
"""Where an image stood: in the files of LLaVA and its kin, at the start or end of a line; in those of Qwen's models."""
SIGNS = ("<im", "<vi", "<au", "<|", ";base64,")
"""The cheap test: no such place is without one."""
AMID = re.compile(r"<(?:image|video|audio)>|\bdata:image/[\w.+-]{1,20};base64,[A-Za-z0-9+/=]{32}")
"""Where one stood amid a sentence, or stands, as no model of text can read it."""
ABOUT_MARKUP = re.compile(
    r"</(?:image|video|audio)>|[\"'`]<(?:image|video|audio)>|\b(?:svg|x?html5?|xml|jsx|css|tags?|elements?|markup|mean|code"
    r"|tokens?|placeholders?|attributes?|browser|react)\b",
    re.IGNORECASE,
)
"""What a text says that is about such an element of markup."""
CALLED = "<functioncall>"
RETURNED = re.compile(r"FUNCTION RESPONSE:\s*")
"""Before a call and before its result, in Glaive's files."""

KNOWN_MEDIA = ("image", "audio", "video", "file", "document", "media", "input_image", "image_url", "input_audio")


def turns_of(turns: Iterable[Any]) -> list[Turn]:
    """(speaker, text) of each element and of what it holds besides, up to one that rests on what is no text.

    Raises Malformed (wrong_type, unknown_role).
    """
    found: list[Turn] = []
    for number, turn in enumerate(turns):
        if type(turn) is dict and len(turn) == 2:
            speaker, value = turn.get("role") or turn.get("from"), turn.get("content") or turn.get("value")
            if type(speaker) is str and type(value) is str and "<" not in value and value[:9] != "FUNCTION ":
                found.append((speaker, value))
                continue
        try:
            found += _turn(turn, number)
        except Malformed as problem:
            if problem.rule != "missing_part":
                raise
            return [*found, (MISSING, problem.detail)]
    return found


def _turn(turn: Any, number: int) -> list[Turn]:
    """The turns that one element makes."""
    if not isinstance(turn, dict):
        raise Malformed("wrong_type", f"turn {number} is {type(turn).__name__}, not an object")
    speaker = next((turn[k] for k in SPEAKER if turn.get(k) is not None), None)
    if isinstance(speaker, dict):  # an author with a role, or with a name
        speaker = speaker.get("role") or speaker.get("name")
    if isinstance(speaker, bool) or not isinstance(speaker, str | int):
        raise Malformed("wrong_type", f"turn {number} does not name its speaker")
    speaker = str(speaker)
    for key in MEDIA:
        if turn.get(key):
            raise Malformed("missing_part", f"turn {number} rests on {key}")
    role = ROLE_OF.get(speaker.strip().lower())
    if role is None and not _is_learned(turn):
        raise Malformed("unknown_role", f"turn {number} is not to be learned, and nobody knows whose it is")
    if role == "assistant":
        if turn.get("channel") in UNLEARNABLE:
            speaker = "reasoning"
        elif turn.get("recipient") not in (None, "all", "user"):
            speaker = "call"
        elif not _is_learned(turn):
            speaker = "unlearned"
    thoughts = [said for key in REASONING if (said := turn.get(key))]
    found: list[Turn] = [("reasoning", said if isinstance(said, str) else "…") for said in thoughts]
    if speaker == "unlearned":
        found.append((ASIDE, "loss on a reply"))
    elif any(is_fractional(turn.get(key)) for key in LEARN):
        found.append((ASIDE, "fractional weight"))
    value = next((turn[k] for k in TEXT if turn.get(k) is not None), None)
    found += pieces(value, speaker, f"turn {number}")
    called = turn.get("tool_calls") or turn.get("function_call")
    for call in list_of(called) or [called]:
        if call:
            found.append(_call(call, number))
    return found


def pieces(value: Any, speaker: str, where: str) -> list[Turn]:
    """The turns in a content: a text, a list of parts, or an object with parts. Raises Malformed."""
    if value is None:
        return []
    if isinstance(value, JsonObject | JsonList) and not _are_parts(value):
        return [(speaker, value.written)]
    if isinstance(value, dict) and "parts" in value:  # of a chat product's export, of Gemini's files
        if value.get("content_type") in UNLEARNABLE:
            speaker = "reasoning"
        value = value["parts"]
    if isinstance(value, str):
        if names_image(value):
            raise Malformed("missing_part", f"{where} rests on an image that is only named")
        return called(speaker, value)
    found: list[Turn] = []
    for part in value if isinstance(value, list) else [value]:
        said = _piece(part, speaker, where)
        if said and found and found[-1][0] == said[0] == speaker:
            found[-1] = (speaker, f"{found[-1][1]}\n{said[1]}")
        elif said:
            found.append(said)
    return found


def called(speaker: str, text: str) -> list[Turn]:
    """A text, or the call in it, or the result that it is, as Glaive marks them."""
    role = ROLE_OF.get(speaker.strip().lower())
    if role == "user" and (mark := RETURNED.match(text)):
        return [("tool", text[mark.end() :])]
    if role not in ("assistant", "unlearned") or CALLED not in text:
        return [(speaker, text)]
    before, _, call = text.partition(CALLED)
    found = [(speaker, before.strip()), ("call" if role == "assistant" else speaker, call.strip())]
    return [turn for turn in found if turn[1]]


def names_image(text: str) -> bool:
    """Whether a text says that an image, a sound or a film stood in it."""
    if not any(sign in text for sign in SIGNS):
        return False
    return PLACEHOLDER.search(text) is not None or (AMID.search(text) is not None and not ABOUT_MARKUP.search(text))


def _are_parts(value: JsonObject | JsonList) -> bool:
    """Whether a content in a column of JSON is made of parts, and not a text that happens to be JSON."""
    if isinstance(value, JsonObject):
        return "parts" in value or isinstance(value.get("text"), str) or value.get("type") in KNOWN_MEDIA
    return bool(value) and all(isinstance(part, dict) and ("type" in part or "text" in part) for part in value)


def _piece(part: Any, speaker: str, where: str) -> Turn | None:
    if part is None:
        return None
    if isinstance(part, str):
        return next(iter(pieces(part, speaker, where)), None)
    if not isinstance(part, dict):
        raise Malformed("wrong_type", f"the text of {where} is {type(part).__name__}")
    kind = str(part.get("type") or part.get("content_type") or next((k for k in part if part[k] is not None), ""))
    for key in ("tool_use", "toolUse", "tool_call", "function_call", "functionCall"):
        if kind == key:
            return "call", call_text(part.get(key) or part)
    for key in ("tool_result", "toolResult", "function_response", "functionResponse"):
        if kind == key:
            return "tool", result_text((part.get(key) or part), where)
    if kind in UNLEARNABLE:
        return "reasoning", "…"
    if kind.endswith("_context"):  # what a product tells its model about the user
        return None
    for key in ("thinking", "reasoning", "thought", "redacted_thinking"):
        if kind == key or part.get("thought") is True:
            text = part.get(key) or part.get("text")
            return "reasoning", text if isinstance(text, str) else "…"
    text = next((part[key] for key in ("text", "refusal", "value", "content") if isinstance(part.get(key), str)), None)
    if text is None or kind in KNOWN_MEDIA:
        if kind.endswith("text") and all(part.get(key) is None for key in ("text", "value", "content")):
            return None
        known = kind if kind in KNOWN_MEDIA else "a part that is not text"
        raise Malformed("missing_part", f"{where} rests on {known}")
    return next(iter(pieces(text, speaker, where)), None)


def result_text(result: Any, where: str) -> str:
    """What a tool returned, as text. Raises Malformed (missing_part) for an image."""
    content = result
    if isinstance(result, dict):
        content = next((result[key] for key in ("content", "response", "output") if key in result), result)
    if isinstance(content, list):
        return "\n".join(text for _, text in pieces(content, "tool", where))
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def call_text(call: Any) -> str:
    """A call as models write it: {"name": …, "arguments": {…}}. Raises Malformed (wrong_type)."""
    if isinstance(call, dict):
        call = call.get("function") or call
    if isinstance(call, dict) and isinstance(call.get("name"), str):
        arguments: Any = next(
            (call[k] for k in ("arguments", "input", "args", "parameters") if call.get(k) is not None), {}
        )
        if isinstance(arguments, str):
            with suppress(ValueError, RecursionError):  # what a model wrote need not be JSON
                arguments = json.loads(arguments)
        return json.dumps({"name": call["name"], "arguments": arguments}, ensure_ascii=False)
    if isinstance(call, str):
        return call
    raise Malformed("wrong_type", "a call without a name")


def tools_text(value: Any) -> str:
    """The tools that a conversation may call, one a line, as the system text tells them; empty when there are none."""
    tools = list_of(value)
    if tools is None:
        tools = [value] if value else []
    lines = [tool if isinstance(tool, str) else json.dumps(tool, ensure_ascii=False) for tool in tools]
    return TOOLS + "\n".join(lines) if lines else ""


def _call(call: Any, number: int) -> Turn:
    try:
        return "call", call_text(call)
    except Malformed as problem:
        raise Malformed(problem.rule, f"turn {number}: {problem.detail}") from problem


def _is_learned(turn: dict[str, Any]) -> bool:
    """Whether a turn of the assistant may be learned: its weight is not 0, and nobody called it bad."""
    for key in LEARN:
        value = turn.get(key)
        if value is False or (isinstance(value, int | float) and value <= 0):
            return False
        if isinstance(value, str) and value.strip().lower() in ("0", "0.0", "false", "no"):
            return False
    if any(turn.get(key) in (True, 1, "true") for key in MASKED):
        return False
    return not any(turn.get(key) is not None and is_bad(key, turn[key], SCALES.get(key)) for key in JUDGED)
