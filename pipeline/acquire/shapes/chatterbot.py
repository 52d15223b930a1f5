"""The conversations of the package chatterbot-corpus: written exchanges by topic, in 28 languages."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.acquire.containers.container import WholeContainer
from pipeline.acquire.containers.gzipped import Stream
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.conversation import Conversation, alternating
from pipeline.acquire.shapes.layout import Layout

MODULE, FOLDER, PATTERN = "chatterbot_corpus", "data", "*/*.yml"
LAYOUT = Layout("chatterbot", column="conversations", metadata=("language", "categories"))
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Chatterbot(WholeContainer):
    """Each conversation of one file as {conversations: [text, …], categories, language}; a folder is a language."""

    read_whole = True

    def values(self, stream: Stream) -> Iterator[dict[str, Any]]:
        try:
            content = yaml.load(stream.file, Loader=LOADER)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            raise Malformed("bad_yaml", f"line {mark.line + 1}" if mark else "not YAML") from error
        if not isinstance(content, dict) or not isinstance(content.get("conversations"), list):
            raise Malformed("bad_yaml", "no list of conversations")
        assert isinstance(stream.path, Path), "a package lies on this machine"
        language = stream.path.parent.name
        for texts in content["conversations"]:
            yield {"conversations": texts, "categories": content.get("categories"), "language": language}


CONTAINER = Chatterbot()


def read(record: Any, layout: Layout) -> Conversation:  # noqa: ARG001
    """Texts in turn, the first by the user. Raises Malformed."""
    texts = record["conversations"]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Malformed("wrong_type", f"a conversation is {type(texts).__name__}, not a list of texts")
    return alternating(texts)
