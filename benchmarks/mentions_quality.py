"""How well mentions of groups are found: recall and precision of every group, as JSON lines.

    python benchmarks/mentions_quality.py [crows_pairs.csv]

First our own lines (benchmarks/mention_lines.py): templates, and lines in which a group's word says something else;
what is found and not said counts against precision. Then CrowS-Pairs (Nangia et al. 2020): of every pair whose two
sentences differ in a name of a group, whether this group is found in the sentence that has it. The pairs do not say who
else is mentioned, hence recall alone. Last, `missed` and `false`, what went wrong of our own lines.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from pathlib import Path

from benchmarks.arguments import argument, shared_data
from benchmarks.mention_lines import PHRASES, Line, lines
from pipeline.people.mentions import mentions

WORD = re.compile(r"[\w'-]+")


def main() -> None:
    path = argument(__doc__, "pairs", Path, shared_data() / "labelled/crows_pairs.csv", "CrowS-Pairs")
    assert path is not None
    own = [(line, mentions(line.text)) for line in lines()]
    named = [(line, mentions(line.text) & line.groups) for line in named_groups(path)]
    print(json.dumps({"test": "own lines", "lines": len(own), **by_group(own, "recall", "precision")}))
    print(json.dumps({"test": "CrowS-Pairs", "lines": len(named), **by_group(named, "recall")}))
    for what in ("missed", "false"):
        wrong = [
            (line.text, sorted(line.groups - found if what == "missed" else found - line.groups)) for line, found in own
        ]
        print(json.dumps({what: [row for row in wrong if row[1]]}, ensure_ascii=False))


def named_groups(path: Path) -> Iterator[Line]:
    """The sentences of the pairs that differ in a phrase of PHRASES, with the group that it names."""
    group_of = {phrase: group for group, text in PHRASES.items() for phrase in text.split(", ")}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            texts = row["sent_more"], row["sent_less"]
            words = [WORD.findall(text.lower()) for text in texts]
            for kind, *places in SequenceMatcher(None, words[0], words[1], autojunk=False).get_opcodes():
                for text, its, start, end in zip(texts, words, places[::2], places[1::2], strict=True):
                    longer, phrase = " ".join(its[start : end + 1]), " ".join(its[start:end])
                    group = group_of.get(longer) or group_of.get(phrase)
                    if kind != "equal" and group:
                        yield Line(text, frozenset({group}))


def by_group(judged: Iterable[tuple[Line, set[str]]], *wanted: str) -> dict[str, object]:
    """Recall and precision, what of them is wanted, of all groups and of each, with the lines that mention it."""
    hits: Counter[str] = Counter()
    said: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for line, found in judged:
        hits.update(line.groups & found)
        said.update(line.groups)
        told.update(found)

    def measures(hits: int, said: int, told: int) -> dict[str, float]:
        found = {"recall": round(hits / max(said, 1), 3), "precision": round(hits / max(told, 1), 3)}
        return {"mentioned": said, **{name: found[name] for name in wanted}}

    groups = {group: measures(hits[group], said[group], told[group]) for group in sorted(said | told)}
    return {**measures(hits.total(), said.total(), told.total()), "groups": groups}


if __name__ == "__main__":
    main()
