"""Everything that is known about a conversation after one pass over its text."""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.text.exact import text_hash
from pipeline.text.language import detect_languages, sample
from pipeline.text.offensive import offensiveness
from pipeline.text.pii import Span, mask_conversation
from pipeline.text.repair import Repair
from pipeline.text.repetition import repetition

Turns = list[tuple[str, str]]
"""(role, content) of each turn of a conversation."""


class Scores(NamedTuple):
    """One conversation, repaired and scored. The names are the columns of the artifact `score`."""

    contents: list[str]
    language: str
    language_confidence: float
    offensive: float
    repetition: float
    chars: int
    reply_chars: int
    assistant_chars: int
    repairs: list[str]
    pii: list[Span]
    text_hash: str


def score_conversations(conversations: Sequence[Turns], repair: Repair, pii_types: Sequence[str]) -> list[Scores]:
    """Repairs and masks every turn, then scores. Classifier and language detector see the whole batch at once.

    A conversation's scores do not depend on the others of the batch.
    """
    masked: list[tuple[list[str], list[str], list[Span]]] = []
    for turns in conversations:
        repaired = [repair(content) for _, content in turns]
        contents, spans = mask_conversation([text for text, _ in repaired], pii_types)
        masked.append((contents, sorted({name for _, names in repaired for name in names}), spans))
    distinct = list(dict.fromkeys(content for contents, _, _ in masked for content in contents))
    offence = dict(zip(distinct, offensiveness(distinct), strict=True))
    languages = detect_languages([sample(contents) for contents, _, _ in masked])
    scored = []
    for turns, (contents, repairs, spans), (language, confidence) in zip(conversations, masked, languages, strict=True):
        replies = [len(content) for (role, _), content in zip(turns, contents, strict=True) if role == "assistant"]
        scored.append(
            Scores(
                contents=contents,
                language=language,
                language_confidence=confidence,
                offensive=max(map(offence.__getitem__, contents), default=0.0),
                repetition=max(map(repetition, contents), default=0.0),
                chars=sum(map(len, contents)),
                reply_chars=min(replies, default=0),
                assistant_chars=sum(replies),
                repairs=repairs,
                pii=spans,
                text_hash=text_hash((role, content) for (role, _), content in zip(turns, contents, strict=True)),
            )
        )
    return scored
