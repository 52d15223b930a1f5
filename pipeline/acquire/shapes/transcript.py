"""Transcripts: one text in which marks such as "Human:" or "<|im_start|>user" say who speaks."""

import re

from pipeline.acquire.shapes.conversation import Turn
from pipeline.acquire.shapes.parts import called

PEOPLE = r"(?i:human|user|customer|prompter|system|assistant|chatbot|bot|ai|gpt|agent|function response)"
QUESTIONS = r"(?i:question|answer)|Q|A"
TASKS = r"(?i:instruction|input|response)"
MARKS = (
    re.compile(r"<\|im_start\|>[ \t]*(\w+)[ \t]*\n"),
    re.compile(r"<\|(system|user|prompter|assistant)\|>[ \t]*\n?"),
    re.compile(rf"#{{2,4}}[ \t]*({PEOPLE}|{TASKS}):[ \t]*"),
    re.compile(rf"\A\s*({PEOPLE}):[ \t]*|\n\n[ \t]*({PEOPLE}):[ \t]*"),
    re.compile(rf"(?:\A\s*|\n)[ \t]*\**({PEOPLE})\**:\**[ \t]*"),
    re.compile(rf"(?:\A\s*|\n)[ \t]*\**({QUESTIONS})\**:\**[ \t]*"),
)
"""Styles of transcripts, tried in this order; group 1 (or 2) is the speaker."""

ROLES = {
    "user": ("question", "q", "instruction", "input"),
    "assistant": ("answer", "a", "response"),
    "tool": ("function response",),
}
ROLE_OF = {mark: role for role, marks in ROLES.items() for mark in marks}
ENDS = re.compile(r"<\|(?:im_end|endoftext)\|>|</s>")


def turns(text: str) -> list[Turn]:
    """(speaker, text) of each turn; empty when the text is no transcript.

    The style is the first of MARKS that marks two different speakers. A text before the first mark
    is a system text, or the context of a question. "\\n\\nHuman:" needs its blank line when the
    transcript opens with a mark that way, so that "User:" inside a reply stays in the reply.
    """
    for style in MARKS:
        marks = list(style.finditer(text))
        speakers = [next(g for g in m.groups() if g) for m in marks]
        if len({s.lower() for s in speakers}) < 2:
            continue
        ends = [m.start() for m in marks[1:]] + [len(text)]
        speakers = [ROLE_OF.get(s.lower(), s) for s in speakers]
        spoken = [(s, _clean(text[m.end() : end])) for s, m, end in zip(speakers, marks, ends, strict=True)]
        found = [turn for speaker, said in spoken for turn in called(speaker, said)]
        preface = _clean(text[: marks[0].start()])
        return [("user" if style is MARKS[-1] else "system", preface), *found] if preface else found
    return []


def _clean(text: str) -> str:
    return ENDS.sub("", text).strip()
