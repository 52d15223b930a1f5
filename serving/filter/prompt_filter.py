"""The filter of what is asked."""

from dataclasses import dataclass

from configs.clean import Pii
from configs.serving import Decision, Filter
from pipeline.clean.privacy.pii import mask_conversation
from serving.filter.findings import offensiveness

Message = dict[str, str]


@dataclass(frozen=True)
class Found:
    """kind: offensive, personal_data or prompt_leak. decision: what the profile says."""

    kind: str
    decision: Decision


def filtered_prompt(messages: list[Message], settings: Filter, pii: Pii) -> tuple[list[Message], list[Found]]:
    """The messages, masked where the profile says so, and what was found in what the user says since the last reply.

    Masked is all that the user says, so that a value has the same placeholder throughout. A mask for what is offensive
    takes the whole message.
    """
    last = max((number for number, message in enumerate(messages) if message["role"] == "assistant"), default=-1)
    new = [number for number, message in enumerate(messages) if number > last and message["role"] == "user"]
    found, kept = [], list(messages)
    if settings.offensive_in != "ignore":
        offending = [
            number for number in new if offensiveness(messages[number]["content"]) >= settings.offensive_threshold
        ]
        found += [Found("offensive", settings.offensive_in)] * bool(offending)
        if settings.offensive_in == "mask":
            for number in offending:
                kept[number] = messages[number] | {"content": "[removed]"}
    if settings.personal_data_in != "ignore":
        said = [number for number, message in enumerate(kept) if message["role"] == "user"]
        texts, spans = mask_conversation([kept[number]["content"] for number in said], pii.types)
        found += [Found("personal_data", settings.personal_data_in)] * any(said[span.turn] in new for span in spans)
        if settings.personal_data_in == "mask":
            for number, text in zip(said, texts, strict=True):
                kept[number] = kept[number] | {"content": text}
    return kept, found
