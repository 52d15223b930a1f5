"""Files of texts that carry no row: what is a person's in them is replaced."""

import json
from contextlib import suppress
from pathlib import Path

from pipeline.contract.atomic_write import write_text
from serving.erasure.only_theirs import CLUSTERS
from serving.erasure.words import Words

OF_WORDS = (CLUSTERS, "audit.json")
"""Files that name words, and quote nothing that anybody said."""
SETTINGS = ("profile.json", "plan.json")
"""Of a run: what somebody asked for."""
_OF_MODELS = ("tokenizer", "model", "adapter", "store")
_JSON = (".json", ".jsonl")


def is_text(name: str) -> bool:
    """Whether a file of an artifact may hold samples or name words: no tokenizer, no weights' configuration."""
    suffix, folder = Path(name).suffix, name.split("/")[0]
    own = name in ("manifest.json", "manifest.sha256")
    return not own and (suffix in (".md", ".txt", ".log", ".html", ".svg")
                        or (suffix in _JSON and folder not in _OF_MODELS))  # fmt: skip


def names_words(name: str) -> bool:
    """Whether a file, by its path in an artifact or a root, may name words: a vocabulary consists of them."""
    path = Path(name)
    folders = {*path.parts[:-1]}
    if path.suffix in (".md", ".log"):
        return True
    return folders.isdisjoint({*_OF_MODELS, "mlartifacts"}) and path.name not in SETTINGS


def scrubbed(path: Path, words: Words, naming: bool) -> str | None:
    """The text of a file without what is theirs; None when there is nothing. naming: whether it may name words."""
    text = path.read_text(encoding="utf-8", errors="replace")
    only = words.only
    if path.suffix == ".json":
        with suppress(ValueError):
            value = json.loads(text)
            found = value if path.name in OF_WORDS else words.scrubbed(value)
            if naming:
                found = only.in_clusters(found) if path.name == CLUSTERS else only.in_json(found)
            return None if found == value else json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if path.suffix == ".jsonl":
        with suppress(ValueError):
            lines = [json.loads(line) for line in text.splitlines()]
            found = [words.scrubbed(line) for line in lines]
            found = [only.in_json(line) for line in found] if naming else found
            return None if found == lines else "".join(json.dumps(x, ensure_ascii=False) + "\n" for x in found)
    new = text if path.suffix == ".svg" else words.scrubbed_text(text)
    if naming:
        new = only.in_markup(new) if path.suffix in (".svg", ".html") else only.in_text(new)
    return None if new == text else new


def scrub_file(path: Path, words: Words, naming: bool) -> bool:
    """Takes a person's words out of a text file; whether there were any."""
    new = scrubbed(path, words, naming)
    if new is not None:
        write_text(path, new)
    return new is not None
