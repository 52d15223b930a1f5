"""Share of each corpus that each rule of clean drops: one JSON line a corpus.

    python benchmarks/rule_shares.py              acquires and cleans the shared corpora and two packages
    python benchmarks/rule_shares.py RUN_FOLDER   counts in a run that has been made

A conversation counts for the first rule that it fails, with the thresholds of the profile (demo's, when
the corpora are read). Scores that are only counted by default are shown as well: refusals, and replies surely
in another language.
"""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from benchmarks.arguments import argument, shared_data
from benchmarks.corpus import PACKAGES
from configs.load import load_profile, sources_of
from pipeline.contract.execute import execute
from pipeline.contract.run import Run


def shares(run: Run) -> list[dict[str, Any]]:
    """{corpus, rows, kept, rules {name: share}, refusals, other_language_replies}, as shares of the rows."""
    scored, cleaned = run.artifact("score"), run.artifact("clean")
    columns = ["source", "refusals", "turn_languages", "messages"]
    rows: Counter[str] = Counter()
    refusals: Counter[str] = Counter()
    foreign: Counter[str] = Counter()
    for batch in scored.read().to_batches(columns=columns):
        rows.update(batch["source"].to_pylist())
        refusals.update(pc.filter(batch["source"], pc.greater(batch["refusals"], 0)).to_pylist())
        for row in batch.to_pylist():
            pairs = zip(row["messages"], row["turn_languages"], strict=True)
            foreign[row["source"]] += any(
                m["role"] == "assistant" and t["code"] not in ("en", "und") and t["confidence"] >= 0.9 for m, t in pairs
            )
    dropped = Counter(
        (row["source"], row["rule"]) for row in cleaned.read("dropped").to_table(["source", "rule"]).to_pylist()
    )
    found = []
    for source, count in sorted(rows.items()):
        rules = {rule: round(n / count, 5) for (name, rule), n in sorted(dropped.items()) if name == source}
        found.append(
            {
                "corpus": source,
                "rows": count,
                "kept": round(1 - sum(n for (name, _), n in dropped.items() if name == source) / count, 5),
                "rules": rules,
                "refusals": round(refusals[source] / count, 5),
                "other_language_replies": round(foreign[source] / count, 5),
            }
        )
    return found


def clean_all(root: str, shared: Path) -> Run:
    """A run over the shared corpora and the packages of the demo, up to clean."""
    packages = [{"name": name.split("-")[0], "package": name} for name in PACKAGES]
    sources = [*sources_of(str(shared / "corpora")), *packages]
    settings = [f"storage.root={root}", "spark.master=local[2]", f"acquire.sources={json.dumps(sources)}"]
    run = Run.begin(load_profile("demo", settings), "rule_shares")
    for task in ("acquire", "clean"):
        execute(run, task)
    return run


def main() -> None:
    run = argument(__doc__, "run", Path, None, "folder of a run that has been made; without it the corpora are read")
    if run:
        found = shares(Run(run))
    else:
        with tempfile.TemporaryDirectory() as root:
            found = shares(clean_all(root, shared_data()))
    for line in found:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
