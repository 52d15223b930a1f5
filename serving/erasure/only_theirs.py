"""Words that one person alone said, where aggregates name words: names and words of discovered topics, words that are
tied to groups, and what quotes these."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.audit.portrayal import SINGULAR
from pipeline.audit.statements import WORD
from pipeline.contract.artifact import ArtifactStore
from serving.erasure.rows import contents

ERASED = "[erased]"
CLUSTERS = "clusters.json"
NAMED = ("words", "occupations")
"""Of audit.json: what ties words to groups."""

CHOSEN = frozenset(
    ("kind", "severity", "subject", "group", "attribute", "source", "topic", "outcome", "remedy", "role", "decision",
     "config", "path")
)  # fmt: skip
"""Keys of JSON files whose texts Parlance or a profile chose."""

WORDED = frozenset(("word", "words", "content", "reply", "reference", "prompt", "text", "chosen", "rejected"))
"""Keys of JSON files whose texts are somebody's even if they are single words, which elsewhere are names of things."""

LEAST = 3
"""Letters of a word that aggregates name, at least; of a word that a label cuts short, as many are recognised."""

_LETTERS = re.compile(r"[^\W\d_]+")
_MARKUP = re.compile(
    r"<style.*?</style>|<metadata.*?</metadata>|<!--(?P<note>.*?)-->|<[^>]*>|(?P<text>[^<]+)", re.DOTALL
)


class OnlyTheirs:
    """Takes words out of texts. words: lower-case ones. names: of all discovered topics; those that hold one of the
    words get others, which differ."""

    def __init__(self, words: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        self.words = frozenset(words)
        self._pattern = _pattern(self.words)
        taken = set(names)
        self.names: dict[str, str] = {}
        for name in sorted(taken):
            if self.within(name):
                self.names[name] = _different(self.in_text(name), taken)
                taken.add(self.names[name])

    def within(self, text: str) -> bool:
        return self._pattern.search(text) is not None

    def in_text(self, text: str) -> str:
        return self._pattern.sub(ERASED, text)

    def in_markup(self, text: str) -> str:
        """Of an SVG or a page only what is text changes, in elements and notes."""

        def shown(piece: re.Match[str]) -> str:
            return self.in_text(piece[0]) if piece["text"] or piece["note"] else piece[0]

        return _MARKUP.sub(shown, text)

    def in_json(self, value: Any, key: str = "") -> Any:
        """A JSON value without the words in its texts, and with the topics' other names, which are keys too. What is
        no text stays: other keys, single words that are names of things, and what Parlance or a profile chose."""
        if isinstance(value, dict):
            return {self.names.get(k, k) if " " in k else k: self.in_json(item, k) for k, item in value.items()}
        if isinstance(value, list):
            return [self.in_json(item, key) for item in value]
        if not isinstance(value, str) or key in CHOSEN:
            return value
        if value in self.names:
            return self.names[value]
        return self.in_text(value) if key in WORDED or len(value.split()) > 1 else value

    def in_clusters(self, clusters: dict[str, list[str]]) -> dict[str, list[str]]:
        """clusters.json, all of which is words."""
        return {self.names.get(name, name): [*map(self.in_text, words)] for name, words in clusters.items()}

    def in_column(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """A column of topics' names."""
        values = [self.names.get(value, value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(values, column.type)])


def only_theirs(store: ArtifactStore, paths: list[Path], rows: set[str], texts: Iterable[str]) -> OnlyTheirs:
    """Words that aggregates name, that are said in a person's rows or texts, and that no other row says.

    paths: files of conversations, of which those are read until each word is found that other rows do say.
    """
    named, names = _named(store)
    said = {word for text in texts for word in spoken(text) & named}
    for path in paths if named else ():
        for batch in contents(path, rows, others=False):
            said |= {word for text in batch.to_pylist() if text for word in spoken(text) & named}
    for path in paths:
        if not said:
            break
        for batch in contents(path, rows, others=True):
            said -= _said(batch, said)
            if not said:
                break
    return OnlyTheirs(said, names)


def spoken(text: str) -> set[str]:
    """Words of a text, as names of topics and audits have them: lower-case runs of letters, such with an apostrophe,
    and the singular of occupations."""
    text = text.lower().replace("’", "'")
    found = {*_LETTERS.findall(text), *(word.removesuffix("'s") for word in WORD.findall(text))}
    return {word for word in found | {SINGULAR[w] for w in found if w in SINGULAR} if len(word) >= LEAST}


def _named(store: ArtifactStore) -> tuple[set[str], set[str]]:
    """Words that aggregates name, and names of discovered topics; of an audit's, which is rewritten first, none that
    an erasure has given: topics keep to these after a crash."""
    words: set[str] = set()
    names: set[str] = set()
    for artifact in store.all():
        if (path := artifact.path / CLUSTERS).is_file():
            clusters = json.loads(path.read_text(encoding="utf-8"))
            names |= clusters.keys()
            words |= {word for name, of in clusters.items() for text in (name, *of) for word in spoken(text)}
        if (path := artifact.path / "audit.json").is_file():
            audit = json.loads(path.read_text(encoding="utf-8"))
            tied = [entry["word"] for kind in NAMED for of in audit.get(kind, {}).values() for entry in of["words"]]
            shown = [text for cluster in audit.get("clusters", []) for text in (cluster["name"], *cluster["words"])]
            words |= {word for text in (*tied, *shown) for word in spoken(text)}
            names |= {cluster["name"] for cluster in audit.get("clusters", []) if ERASED not in cluster["name"]}
    return words, names


def _said(texts: pa.Array, wanted: set[str]) -> set[str]:
    """Those of the words that texts say; what cannot hold one is passed over by Arrow."""
    forms = wanted | {form for form, word in SINGULAR.items() if word in wanted}
    likely = pc.match_substring_regex(texts, "|".join(map(_spelled, sorted(forms))), ignore_case=True)
    found: set[str] = set()
    for text in texts.filter(likely).to_pylist():
        found |= spoken(text) & wanted
        if found == wanted:
            break
    return found


def _pattern(words: frozenset[str]) -> re.Pattern[str]:
    """Finds whole words, whatever their case, and those that a label cuts short."""
    if not words:
        return re.compile(r"(?!)")
    whole = "|".join(map(_spelled, sorted(words, key=len, reverse=True)))
    cut = sorted({word[:n] for word in words for n in range(LEAST, len(word))}, key=len, reverse=True)
    begun = rf"|(?:{'|'.join(cut)})(?=…)" if cut else ""
    return re.compile(rf"(?<![^\W\d_])(?:(?:{whole})(?![^\W\d_]){begun})", re.IGNORECASE)


def _spelled(word: str) -> str:
    """Letters, and either apostrophe."""
    return word.replace("'", "['’]")


def _different(name: str, taken: set[str]) -> str:
    number, found = 2, name
    while found in taken:
        number, found = number + 1, f"{name} ({number})"
    return found
