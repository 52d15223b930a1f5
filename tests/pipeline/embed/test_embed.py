"""One vector a segment: unit length, the same bytes every time, and killable."""

import os
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


def test_bytes_do_not_depend_on_how_the_input_is_split_into_files(begin, deduplicated, talk):
    rows = conversations(talk, 23)
    found = []
    for name, files in (("one", 1), ("five", 5)):
        run = begin("embed.shard_rows=4", name=name)
        deduplicated(run, rows, files)
        found.append(bytes_of(execute(run, "embed")[0].parquet()))
    assert found[0] == found[1]
    assert len(found[0]) == 6


def test_shards_follow_the_order_of_row_id(begin, deduplicated, talk):
    rows = conversations(talk, 23)
    run = begin("embed.shard_rows=4")
    deduplicated(run, rows, 3)
    table = execute(run, "embed")[0].read().to_table()
    assert table["row_id"].to_pylist() == sorted(row["row_id"] for row in rows)


def test_a_killed_attempt_goes_on_at_the_first_missing_or_damaged_shard(begin, deduplicated, talk, capsys):
    rows = conversations(talk, 160)
    run, undisturbed = begin("embed.shard_rows=4"), begin("embed.shard_rows=4", name="undisturbed")
    deduplicated(run, rows)
    deduplicated(undisturbed, rows)
    partial = run.store.root / "embed" / f".{run.fingerprint('embed')}.partial" / "data"
    code = f"""\
from pathlib import Path
from pipeline.contract.execute import execute
from tests.kills import killed_and_run_again
from pipeline.contract.run import Run
execute(Run(Path({str(run.folder)!r})), 'embed')
"""
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "OMP_NUM_THREADS": "1"})
    while process.poll() is None and len(list(partial.glob("part-*"))) < 3:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    finished = {p.name: p.stat().st_mtime_ns for p in partial.glob("part-*")}
    assert 2 <= len(finished) < 40, "the kill came too late to show anything"
    damaged = min(finished)
    (partial / damaged).write_bytes((partial / damaged).read_bytes()[:-1] + b"?")
    del finished[damaged]

    [artifact] = execute(run, "embed")
    assert {name: (artifact.parquet() / name).stat().st_mtime_ns for name in finished} == finished
    assert f"data/{damaged}: is not what an earlier attempt finished; it is made again" in capsys.readouterr().out
    assert bytes_of(artifact.parquet()) == bytes_of(execute(undisturbed, "embed")[0].parquet())


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
