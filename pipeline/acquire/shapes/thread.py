"""Forum threads in one text: a question and its answers, each under lines of TITLE, DATE, BY and SCORE."""

import re

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.conversation import Conversation, from_turns

POST = re.compile(
    r"(?:\A\s*|\n)(?:TITLE: *(?P<title>[^\n]*)\n)?"
    r"DATE: *[^\n]*\nBY: *(?P<by>[^\n]*)\nSCORE: *(?P<score>-?\d+)[^\S\n]*\n"
)
COMMENT = re.compile(r"(?:\A|\n)-?\d+ on \d{4}-\d\d-\d\d [\d:.]+ \[Score: -?\d+\]: ")


def is_thread(text: str) -> bool:
    """Whether the text opens with the head of a post."""
    return POST.match(text) is not None


def read(text: str) -> Conversation:
    """The question, answered by its best answer (of equals the first). Comments are left out.

    Raises Malformed (no_reply) when nobody answered.
    """
    heads = list(POST.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    bodies = [_without_comments(text[head.end() : end]) for head, end in zip(heads, ends, strict=True)]
    answers = [(int(h["score"]), -i, body) for i, (h, body) in enumerate(zip(heads, bodies, strict=True)) if i and body]
    if not answers:
        raise Malformed("no_reply", "a question without an answer")
    score, _, answer = max(answers)
    question = "\n\n".join(part for part in (heads[0]["title"] or "", bodies[0]) if part)
    conversation = from_turns([("user", question), ("assistant", answer)])
    conversation.user_id = heads[0]["by"].strip() or None
    conversation.metadata["score"] = str(score)
    return conversation


def _without_comments(body: str) -> str:
    comment = COMMENT.search(body)
    return body[: comment.start() if comment else None].strip()
