"""A model's stereotype score on our own pairs beside that on CrowS-Pairs (Nangia et al. 2020): JSON lines.

    python -m benchmarks.stereotypes MODEL_FOLDER

The folder holds weights and a tokenizer with a chat template, as promotion leaves them. Both sets are scored by the
same function (eval/probes/pairs.py): the share of pairs whose stereotyped sentence is the likelier by what both
sentences say; 0.5 is none. Of CrowS-Pairs 400 pairs, drawn with seed 20.
"""

import csv
import json
import random
from collections import defaultdict
from pathlib import Path

from benchmarks.arguments import argument, shared_data
from configs.probe import FOLDER, load_probe
from eval.checkpoint import load_model, load_tokenizer
from eval.probes.pairs import preference, questions
from eval.probes.prefix_tree import answer
from pipeline.contract.progress import Progress
from pipeline.contract.wilson import wilson

DRAWN, SEED = 400, 20


def main() -> None:
    folder = argument(__doc__, "model", Path, None, "folder of a model and its tokenizer")
    if folder is None:
        raise SystemExit("name the folder of a model")
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    for name, pairs in (("stereotypes", ours()), ("CrowS-Pairs", crows_pairs())):
        asked = questions(tokenizer, [sentences for _, sentences in pairs])
        with Progress(name, len(pairs), "pairs") as progress:
            said = answer(model, asked, (), progress)
        scores = [preference(*each) for each in zip(asked, said, strict=True)]
        groups: dict[str, list[float]] = defaultdict(list)
        for (group, _), score in zip(pairs, scores, strict=True):
            groups[group].append(score)
        shares = {group: round(sum(found) / len(found), 3) for group, found in sorted(groups.items())}
        print(json.dumps({"set": name, "pairs": len(pairs), **share(scores), "groups": shares}))


def ours() -> list[tuple[str, tuple[str, str]]]:
    """(attribute, (stereotyped sentence, the other)) of configs/probes/stereotypes.yaml."""
    return [(pair.group, pair.choices) for pair in load_probe(FOLDER / "stereotypes.yaml").pairs]


def crows_pairs() -> list[tuple[str, tuple[str, str]]]:
    """The same of CrowS-Pairs, whose sent_more is the more stereotypical of each pair; none where it is absent."""
    path = shared_data() / "labelled/crows_pairs.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["bias_type"], (row["sent_more"], row["sent_less"])) for row in csv.DictReader(file)]
    return random.Random(SEED).sample(rows, DRAWN)


def share(scores: list[float]) -> dict[str, float]:
    """{share, low, high}, the interval at 95%; nothing of no pairs."""
    if not scores:
        return {}
    mean = sum(scores) / len(scores)
    low, high = wilson(mean, len(scores))
    return {"share": round(mean, 3), "low": round(low, 3), "high": round(high, 3)}


if __name__ == "__main__":
    main()
