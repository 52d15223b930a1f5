"""One vector a segment: unit length, the same bytes every time, and killable."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.contract.execute import execute
from tests.kills import killed_and_run_again


def conversations(talk, count: int) -> list[dict]:
    return [talk(f"Is {n} a prime number?", f"I would have to try all divisors up to {n // 2}.") for n in range(count)]


def matrix(table: pa.Table) -> np.ndarray:
    return table["vector"].combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_every_conversation_gets_unit_vectors_and_similar_ones_are_near(begin, deduplicated, talk):
    dog, puppy, law = (
        talk("My dog barks at night.", "Walk him before bed."),
        talk("How do I stop my puppy from barking?", "Walk the puppy in the evening."),
        talk("What does the tax law say?", "Income is taxed by brackets."),
    )
    run = begin()
    deduplicated(run, [dog, puppy, law])
    [artifact] = execute(run, "embed")
    table = artifact.read().to_table()
    vectors = dict(zip(table["row_id"].to_pylist(), matrix(table), strict=True))
    assert matrix(table).dtype == np.float32
    assert np.linalg.norm(matrix(table), axis=1) == pytest.approx(1, abs=1e-6)
    near = vectors[dog["row_id"]] @ vectors[puppy["row_id"]]
    far = vectors[dog["row_id"]] @ vectors[law["row_id"]]
    assert near > far + 0.3


def test_long_conversations_get_several_segments_that_name_their_turns(begin, deduplicated, talk):
    row = talk(*(f"Turn number {n} talks about the weather in the mountains." for n in range(20)))
    run = begin("embed.max_tokens=32", "embed.max_segments=3")
    deduplicated(run, [row])
    [artifact] = execute(run, "embed")
    table = artifact.read().to_table().to_pylist()
    assert [part["segment"] for part in table] == [0, 1, 2]
    assert all(0 <= part["first_turn"] <= part["last_turn"] < 20 for part in table)
    assert [part["first_turn"] for part in table] == sorted(part["first_turn"] for part in table)
    assert artifact.ledger.added == {"further segments": 2}


def test_vectors_do_not_depend_on_how_the_input_is_split_into_files_and_shards(begin, deduplicated, talk):
    rows = conversations(talk, 23)
    found = []
    for name, files, shard in (("one", 1, 4), ("five", 5, 4), ("whole", 1, 100)):
        run = begin(f"embed.shard_rows={shard}", name=name)
        deduplicated(run, rows, files)
        found.append(execute(run, "embed")[0].read().to_table().sort_by("row_id"))
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])


def test_shards_follow_the_order_of_row_id_in_each_file(begin, deduplicated, talk):
    rows = conversations(talk, 23)
    run = begin("embed.shard_rows=4")
    deduplicated(run, rows, 1)
    artifact = execute(run, "embed")[0]
    assert artifact.read().to_table()["row_id"].to_pylist() == sorted(row["row_id"] for row in rows)
    assert 23 / 4 <= artifact.metrics["shards"] <= 8


def test_a_killed_attempt_goes_on_with_the_shards_that_are_whole(begin, deduplicated, talk, capsys):
    rows = conversations(talk, 160)
    run, undisturbed = begin("embed.shard_rows=4"), begin("embed.shard_rows=4", name="undisturbed")
    deduplicated(run, rows)
    deduplicated(undisturbed, rows)
    parts = run.root / "parts" / "embed"
    code = f"""\
from pathlib import Path
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
execute(Run(Path({str(run.folder)!r})), 'embed')
"""
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "OMP_NUM_THREADS": "1"})
    while process.poll() is None and len(list(parts.glob("[!.]*"))) < 3:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    finished = {p.name: (p / "data.parquet").stat().st_mtime_ns for p in parts.glob("[!.]*")}
    assert 2 <= len(finished) < 40, "the kill came too late to show anything"
    damaged = parts / min(finished) / "data.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    del finished[damaged.parent.name]

    [artifact] = execute(run, "embed")
    assert {name: (parts / name / "data.parquet").stat().st_mtime_ns for name in finished} == finished
    assert f"{damaged}: contents changed (sha256 differs from the manifest); the part is made again" in (
        capsys.readouterr().out
    )
    assert bytes_of(artifact.parquet()) == bytes_of(execute(undisturbed, "embed")[0].parquet())


def test_what_only_lost_rows_is_not_encoded_at_all(begin, deduplicated, talk, capsys):
    rows = conversations(talk, 40)
    deduplicated(begin(), rows, 1)
    execute(begin(), "embed")
    found = []
    for name in ("root", "from nothing"):
        run = begin("seed=2", name=name)
        deduplicated(run, rows[3:], 1)
        capsys.readouterr()
        found.append(bytes_of(execute(run, "embed")[0].parquet()))
        assert f"embed: {0 if name == 'root' else 37} conversations encoded" in capsys.readouterr().out
    assert found[0] == found[1]


def test_what_has_a_vector_is_not_encoded_again_and_only_if_it_says_the_same(begin, deduplicated, talk, capsys):
    rows = conversations(talk, 40)
    deduplicated(begin(), rows, 1)
    execute(begin(), "embed")
    changed = {**rows[7], "messages": [*rows[7]["messages"][:1], {"role": "assistant", "content": "No."}]}
    later = [*rows[:7], changed, *rows[8:30], talk("Is this new?", "It is.")]
    found = []
    for name in ("root", "from nothing"):
        run = begin("seed=2", name=name)
        deduplicated(run, later, 1)
        capsys.readouterr()
        found.append(bytes_of(execute(run, "embed")[0].parquet()))
        assert f"embed: {2 if name == 'root' else 31} conversations encoded" in capsys.readouterr().out
    assert found[0] == found[1]


def test_progress_counts_what_is_there_and_the_rate_does_not(begin, deduplicated, talk, capsys, monkeypatch):
    rows = conversations(talk, 40)
    settings = "embed.shard_rows=4"
    deduplicated(begin(settings), rows[:-1], 1)
    execute(begin(settings), "embed")
    run = begin("seed=2", settings)
    deduplicated(run, rows, 1)
    capsys.readouterr()
    monkeypatch.setattr("pipeline.contract.progress.LOG_SECONDS", 0)
    execute(run, "embed")
    said = capsys.readouterr().out
    done = [int(count) for count in re.findall(r"embed: +\d+% +(\d+)/40 rows", said)]
    assert done[0] >= 30, "all shards but the new conversation's are there"
    assert done == sorted(done)
    assert done[-1] == 40
    assert "embed: 1 conversations encoded" in said


def test_an_attempt_that_is_killed_before_a_call_and_run_again_is_as_if_nothing_had_happened(begin, deduplicated, talk):
    run = begin("embed.shard_rows=4")
    deduplicated(run, conversations(talk, 12))
    found = killed_and_run_again(run, embed=6)["embed"]
    assert found["trials"] == 6
    assert found["differing"] == []


def test_no_conversations_leave_one_empty_file_with_the_columns(begin, deduplicated):
    run = begin()
    deduplicated(run, [])
    [artifact] = execute(run, "embed")
    assert artifact.read().to_table().num_rows == 0
    assert "vector" in artifact.read().schema.names
