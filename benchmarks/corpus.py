"""A corpus of prompt and response rows, made of the real conversations at hand.

Exchanges of 60 to 1,000 bytes come first, as they are but in seeded order: from the shared corpora
(PARLANCE_SHARED_DATA or ../shared/data) when they are there, and from the packages chitchat-dataset and
chatterbot-corpus.
A larger corpus repeats them with seeded edits: in each further copy a third of the words are replaced
by words of the corpus, as frequent there as they are, so that copies are not duplicates; one copy in
twenty has only one word replaced, so that there are near duplicates to find.
"""

import json
import os
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from random import Random

from configs.acquire import Source
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.packages import package_files
from pipeline.acquire.reading_plan import plan
from pipeline.acquire.shapes.detect import conversation_of
from pipeline.acquire.units import records

SEED = 20
LEAST_BYTES, MOST_BYTES = 60, 1000
REPLACED_SHARE = 0.35
LIGHT_SHARE = 0.05
VOCABULARY = 200_000
PACKAGES = ("chitchat-dataset", "chatterbot-corpus")

Exchange = tuple[str, str]
"""(prompt, response)"""


def sources() -> list[Source]:
    """The real conversations at hand."""
    folder = Path(os.environ.get("PARLANCE_SHARED_DATA", "../shared/data")) / "corpora"
    found = [Source(name=p.name, path=str(p)) for p in sorted(folder.iterdir())] if folder.is_dir() else []
    return found + [Source(name=package, package=package) for package in PACKAGES]


def exchanges(source: Source) -> Iterator[Exchange]:
    """Each user turn and its reply, of LEAST_BYTES to MOST_BYTES together."""
    path = Path(source.path) if source.path else None
    files = [(path.name, path)] if path else package_files(str(source.package))
    for unit in plan(source, files).units:
        for _, record in records(unit):
            if isinstance(record, Malformed) or unit.layout is None:
                continue
            try:
                turns = [text for role, text in conversation_of(record, unit.layout).messages if role != "system"]
            except Malformed:
                continue
            for prompt, response in zip(turns[0::2], turns[1::2], strict=False):
                if LEAST_BYTES <= len(prompt.encode()) + len(response.encode()) <= MOST_BYTES:
                    yield prompt, response


def write_corpus(path: Path, rows: int) -> dict[str, object]:
    """Writes JSON Lines of prompt and response; returns {rows, bytes, real_rows, edited_rows, sources}.

    The real exchanges are held in memory (190,000, 60 MB), everything else streams.
    """
    used = sources()
    real = list(chain.from_iterable(exchanges(source) for source in used))
    Random(SEED).shuffle(real)
    real = real[:rows]
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        for prompt, response in chain(real, islice(edited(real), rows - len(real))):
            file.write(json.dumps({"prompt": prompt, "response": response}, ensure_ascii=False) + "\n")
    partial.replace(path)
    return {
        "rows": rows,
        "bytes": path.stat().st_size,
        "real_rows": len(real),
        "edited_rows": rows - len(real),
        "sources": [source.name for source in used],
    }


def edited(real: list[Exchange]) -> Iterator[Exchange]:
    """Copies of the exchanges without end, each with other words replaced."""
    random = Random(SEED)
    spoken = [word for exchange in random.sample(real, min(len(real), 20_000)) for word in " ".join(exchange).split()]
    words = random.sample(spoken, min(len(spoken), VOCABULARY))
    while True:
        for prompt, response in real:
            share = REPLACED_SHARE if random.random() >= LIGHT_SHARE else 0.0
            yield _replaced(prompt, words, share, random), _replaced(response, words, share, random, least=1)


def _replaced(text: str, words: list[str], share: float, random: Random, least: int = 0) -> str:
    """The text with about `share` of its words, and at least `least`, replaced."""
    draw, count = random.random, len(words)
    parts = [words[int(draw() * count)] if draw() < share else word for word in text.split(" ")]
    for _ in range(least):
        parts[int(draw() * len(parts))] = words[int(draw() * count)]
    return " ".join(parts)
