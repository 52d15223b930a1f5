"""Killed before a call of the file system, its own or a worker's, a task of Spark that runs again leaves the same."""

from pathlib import Path

from configs.load import load_profile
from pipeline.contract.run import Run
from tests.golden.run import HERE, SETTINGS
from tests.kills import killed_and_run_again

SPARK = ("acquire", "clean", "deduplicate", "audit", "balance", "tokenise")
"""What Spark's workers do."""


def test_what_prepares_the_data_is_as_if_nothing_had_happened(tmp_path: Path) -> None:
    profile = load_profile(
        "scratch", [f"storage.root={tmp_path / 'root'}", "spark.from_rows=0", *SETTINGS], str(HERE / "conversations")
    )
    run = Run.begin(profile, "killed")
    found = killed_and_run_again(
        run,
        acquire=3,
        clean=3,
        deduplicate=2,
        embed=0,
        sentiment=2,
        audit=2,
        review=0,
        generate=2,
        balance=2,
        tokenise=3,
    )
    for task, trials in found.items():
        assert trials["differing"] == [], task
    by_workers = {task: trials["by_workers"] for task, trials in found.items() if trials["trials"] and task in SPARK}
    assert min(by_workers.values()) >= 4, by_workers
