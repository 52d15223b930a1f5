"""No malformed file or record crashes a run: each is quarantined with its place and reason, or repaired."""

import gzip
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.acquire.containers.malformed import RULES
from pipeline.contract.execute import execute
from tests.pipeline.acquire.files import read
from tests.pipeline.acquire.malformed.cases import CASES, LINES, NOISE, Case, lines, pair

NOBODY = 65534


def test_the_suite_has_at_least_150_cases_of_their_own_name() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 150


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_malformed_file_or_record_is_quarantined_with_place_and_reason_or_repaired(
    case: Case, tmp_path: Path
) -> None:
    path = tmp_path / case.name.partition(": ")[2].replace(" ", "-")
    path.write_bytes(case.data)
    good, refused, held = read(path, **case.source)
    assert {row["origin"]["ordinal"]: row["rule"] for row in refused} == case.refused
    assert len(good) == case.good
    assert held.read.total() == len(good) + len(refused)
    assert held.dropped == Counter(case.refused.values())
    assert all(row["origin"]["file"] == path.name and json.loads(row["evidence"])["detail"] for row in refused)
    assert not case.says or any(case.says in turn["content"] for row in good for turn in row["messages"])


def test_a_damaged_gzip_file_keeps_every_whole_line_before_the_damage(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(NOISE))
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "a.gz").write_bytes(bytes(data))
    good, refused, _ = read(tmp_path / "a.gz")
    assert [row["origin"]["ordinal"] for row in good[:150]] == list(range(150))
    assert refused[-1]["rule"] == "truncated"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file_is_quarantined_and_never_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    irregular(folder)
    good, refused, _ = read(folder)
    assert {row["origin"]["file"]: row["rule"] for row in refused} == dict.fromkeys(IRREGULAR, "unreadable_file")
    assert Counter(row["origin"]["file"] for row in good) == {
        "whole.jsonl": 3,
        "folder.jsonl/inside.jsonl": 1,
        "link.jsonl": 3,
        "name\\udcff.jsonl": 1,
    }


IRREGULAR = ("pipe.jsonl", "broken.jsonl", "self.jsonl", "loop-a.jsonl", "loop-b.jsonl")


def irregular(folder: Path) -> None:
    """A folder with a file, links, loops of links, a named pipe, and a folder that is named as a file."""
    (folder / "folder.jsonl").mkdir(parents=True)
    (folder / "folder.jsonl" / "inside.jsonl").write_bytes(lines(pair(0)))
    (folder / "whole.jsonl").write_bytes(LINES)
    (folder / "link.jsonl").symlink_to(folder / "whole.jsonl")
    (folder / "up").symlink_to(folder, target_is_directory=True)
    (folder / "broken.jsonl").symlink_to(folder / "nowhere")
    (folder / "self.jsonl").symlink_to(folder / "self.jsonl")
    (folder / "loop-a.jsonl").symlink_to(folder / "loop-b.jsonl")
    (folder / "loop-b.jsonl").symlink_to(folder / "loop-a.jsonl")
    os.mkfifo(folder / "pipe.jsonl")
    Path(os.fsdecode(os.fsencode(folder) + b"/name\xff.jsonl")).write_bytes(lines(pair(0)))


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder, and no right to read what its owner keeps closed; root becomes nobody meanwhile."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        os.seteuid(user or NOBODY)
        yield Path(name)
        os.seteuid(user)


def test_what_may_not_be_read_is_quarantined(unprivileged: Path) -> None:
    for name in ("closed/a.jsonl", "b.jsonl", "c.jsonl"):
        (unprivileged / name).parent.mkdir(exist_ok=True)
        (unprivileged / name).write_bytes(LINES)
    (unprivileged / "closed").chmod(0)
    (unprivileged / "b.jsonl").chmod(0)
    good, refused, _ = read(unprivileged)
    (unprivileged / "closed").chmod(0o700)
    assert len(good) == 3
    assert {row["origin"]["file"]: row["rule"] for row in refused} == {
        "closed": "unreadable_file",
        "b.jsonl": "unreadable_file",
    }


def test_a_run_over_all_of_them_together_balances(make_run, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    irregular(folder)
    expected: Counter[str] = Counter(dict.fromkeys(["unreadable_file"], len(IRREGULAR)))
    good = 8
    for number, case in enumerate(case for case in CASES if not case.source):
        (folder / f"{number:03d}-{case.name.rpartition(' ')[2]}").write_bytes(case.data)
        expected.update(case.refused.values())
        good += case.good
    run = make_run(overrides=[f"acquire.sources={json.dumps([{'name': 's', 'path': str(folder)}])}"])
    execute(run, "acquire")
    artifact = run.artifact("acquire")
    assert artifact.damage() == []
    assert artifact.ledger.dropped == dict(sorted(expected.items()))
    assert (artifact.ledger.rows_out, artifact.ledger.rows_in) == (good, good + expected.total())
    dropped = artifact.read("dropped").to_table().to_pylist()
    assert Counter(row["rule"] for row in dropped) == expected
    assert {row["rule"] for row in dropped} <= RULES.keys()
    assert len({row["row_id"] for row in dropped}) == len(dropped)
