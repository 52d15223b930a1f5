"""The conversations of the package chitchat-dataset: two people talking about a given opening."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from pipeline.acquire.containers.container import WholeContainer
from pipeline.acquire.containers.gzipped import Stream
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.conversation import Conversation, from_turns
from pipeline.acquire.shapes.layout import Layout

MODULE, FOLDER, PATTERN = "chitchat_dataset", ".", "dataset.json"
LAYOUT = Layout("chitchat", column="messages", conversation_id="id", metadata=("prompt",))


@dataclass(frozen=True)
class Chitchat(WholeContainer):
    """Each conversation as {id, prompt, messages: [[{text, sender}]], ratings}. The file is held in memory (40 MB)."""

    read_whole = True

    def values(self, stream: Stream) -> Iterator[dict[str, Any]]:
        for name, value in json.load(stream.file).items():
            yield {"id": name, **value}


CONTAINER = Chitchat()


def read(record: Any, layout: Layout) -> Conversation:  # noqa: ARG001
    """First speaker as user, second as assistant; what one sends without pause is one turn. Raises Malformed.

    The user's id is that of the first speaker; the other's is kept as metadata, so that what either
    person said can be found.
    """
    try:
        sent = [(m["sender"], m["text"]) for turn in record["messages"] for m in turn]
    except (KeyError, TypeError) as error:
        raise Malformed("wrong_type", "messages without sender or text") from error
    spoken = [(sender, text) for sender, text in sent if text and not text.isspace()]
    runs = groupby(spoken, key=itemgetter(0))
    found = from_turns((sender, "\n".join(text for _, text in run)) for sender, run in runs)
    speakers = list(dict.fromkeys(sender for sender, _ in spoken))
    found.user_id = speakers[0]
    found.metadata["assistant_id"] = speakers[1]
    return found
