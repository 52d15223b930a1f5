"""The stage on files and packages: what comes out, what is quarantined, and that it is the same every time."""

import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import UserError
from pipeline.acquire import acquire, slices
from pipeline.contract.execute import execute

SHARED = Path(os.environ.get("PARLANCE_SHARED_DATA", "../shared/data")) / "corpora"


def line(i):
    return json.dumps({"question": f"question {i}", "answer": f"answer {i}"}) + "\n"


def acquired(make_run, **arguments):
    run = make_run(**arguments)
    execute(run, "acquire")
    artifact = run.artifact("acquire")
    assert artifact.damage() == []
    return artifact


def rows(artifact, name="data"):
    return sorted(
        artifact.read(name).to_table().to_pylist(),
        key=lambda r: (r["source"], r["origin"]["file"], r["origin"]["ordinal"]),
    )


def refused(artifact):
    return [(r["origin"]["file"], r["origin"]["ordinal"], r["rule"]) for r in rows(artifact, "dropped")]


@pytest.fixture
def folder(tmp_path):
    """A folder of every container, with a malformed record here and there, and files that are none."""
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    lines = [line(i) for i in range(40)]
    lines[7] = '{"question": "cut\n'
    (data / "a.jsonl").write_text("".join(lines))
    (data / "b.json.gz").write_bytes(gzip.compress(json.dumps([json.loads(line(i)) for i in range(9)]).encode()))
    (data / "c.csv").write_text("question,answer\n" + "".join(f'"line\n{i}",yes {i}\n' for i in range(30)) + "ragged\n")
    (data / "deep" / "d.parquet").write_bytes(b"")
    table = pa.Table.from_pylist([json.loads(line(i)) for i in range(20)])
    pq.write_table(table, data / "deep" / "e.parquet", row_group_size=3)
    (data / "README.md").write_text("# About\n\nProse.\n")
    (data / "f.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    return data


def one_source(path, **more):
    return [f"acquire.sources={json.dumps([{'name': 'all', 'path': str(path), **more}])}"]


def test_a_folder_is_read_and_every_bad_record_and_file_is_accounted_for(make_run, folder):
    artifact = acquired(make_run, overrides=one_source(folder))
    assert refused(artifact) == [
        ("README.md", 0, "unknown_format"),
        ("a.jsonl", 7, "bad_json"),
        ("c.csv", 30, "ragged_row"),
        ("deep/d.parquet", 0, "empty_file"),
        ("f.jsonl", 0, "unknown_shape"),
    ]
    found = rows(artifact)
    assert len(found) == 39 + 9 + 30 + 20
    assert [r["origin"]["ordinal"] for r in found if r["origin"]["file"] == "a.jsonl"] == [
        i for i in range(40) if i != 7
    ]
    assert found[0]["messages"] == [
        {"role": "user", "content": "question 0"},
        {"role": "assistant", "content": "answer 0"},
    ]
    assert artifact.metrics["all"] == {
        "records": 103,
        "conversations": 98,
        "quarantined": 5,
        "shape": "columns",
        "columns": ["question", "answer"],
    }
    assert all(set(json.loads(r["evidence"])) == {"detail"} for r in rows(artifact, "dropped"))


def test_the_bytes_do_not_depend_on_how_the_work_is_split(make_run, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(slices, "LEAST_BYTES", 500)
    monkeypatch.setattr(acquire, "RANGE_BYTES", 1000)
    sums = set()
    for least, a_core in ((1 << 20, 3), (1, 3), (1, 100)):
        monkeypatch.setattr(acquire, "LEAST_TASK_BYTES", least)
        monkeypatch.setattr(acquire, "TASKS_A_CORE", a_core)
        root = [f"storage.root={tmp_path / f'root{least}-{a_core}'}"]
        artifact = acquired(make_run, overrides=one_source(folder) + root)
        sums.add(tuple((f["path"], f["sha256"]) for f in artifact.manifest["files"]))
    assert len(sums) == 1


def test_the_rows_do_not_depend_on_how_the_files_are_cut_into_slices(make_run, folder, tmp_path, monkeypatch):
    found = []
    for least, most in ((1 << 20, 1 << 26), (500, 1 << 26), (500, 1000), (500, 300)):
        monkeypatch.setattr(slices, "LEAST_BYTES", least)
        monkeypatch.setattr(acquire, "RANGE_BYTES", most)
        root = [f"storage.root={tmp_path / f'root{least}-{most}'}"]
        artifact = acquired(make_run, overrides=one_source(folder) + root)
        found.append((rows(artifact), rows(artifact, "dropped"), artifact.metrics))
    assert found[0] == found[1] == found[2] == found[3]
    assert len(list((artifact.path / "data").iterdir())) > 8


def test_a_limit_keeps_the_same_records_however_the_work_is_split(make_run, folder, tmp_path, monkeypatch):
    kept = []
    for parts in (1, 5):
        monkeypatch.setattr(acquire, "RANGE_BYTES", 4000 // parts)
        root = [f"storage.root={tmp_path / f'root{parts}'}"]
        artifact = acquired(make_run, overrides=one_source(folder, limit=25) + root)
        metrics = artifact.metrics["all"]
        files_refused = 3
        assert (metrics["records"], metrics["not_read"]) == (25 + files_refused, 100 - 25)
        kept.append([r["row_id"] for r in rows(artifact)])
    assert kept[0] == kept[1]
    assert len({r["origin"]["file"] for r in rows(artifact)}) > 1


@pytest.mark.parametrize("reason", ["limit", "large files"])
def test_how_a_source_is_read_is_told_once_whatever_was_opened_before(make_run, folder, capsys, monkeypatch, reason):
    monkeypatch.setattr(acquire, "RANGE_BYTES", 1 if reason == "large files" else 1 << 26)
    (folder / "deep" / "d.parquet").unlink()  # which is empty, and so not large
    acquired(make_run, overrides=one_source(folder, **({"limit": 25} if reason == "limit" else {})))
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("acquire: all: ")]
    assert sum("1 file, JSON Lines" in line for line in said) == 1, said
    assert sum("README.md: not read" in line for line in said) == 1, said


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        ("a,b\n1,2\n", {}, ["x.dat", "unknown_shape", "its columns are: a, b"]),
        ("a,b\n1,2\n", {"columns": {"prompt": ["a"], "reply": "c"}}, ["columns.reply", "'c'", "x.dat has: a, b"]),
        ('{"a": "1", "b": "2"}\n', {"columns": {"prompt": ["a", "z"], "reply": "b"}}, ["columns.prompt", "'z'"]),
        ('{"question": "a"}\n', {"shape": "messages"}, ["no conversation", "1 missing_columns"]),
        ("", {}, ["empty_file"]),
        ("prose", {}, ["unknown_format"]),
    ],
)
def test_a_source_that_gives_nothing_is_an_error_that_names_file_and_columns(make_run, tmp_path, text, more, words):
    path = tmp_path / "x.dat"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        acquired(make_run, overrides=one_source(path, **more))
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)


def test_metadata_identifiers_and_licence_are_kept(make_run, tmp_path):
    path = tmp_path / "x.jsonl"
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    path.write_text(json.dumps({"id": "c1", "user_id": "u1", "topic": "food", "messages": turns}) + "\n")
    found = rows(acquired(make_run, overrides=one_source(path, licence="MIT")))[0]
    assert (found["conversation_id"], found["user_id"]) == ("c1", "u1")
    assert found["metadata"] == [("licence", "MIT"), ("topic", "food")]


def test_what_is_marked_as_bad_or_left_out_is_counted_and_told(make_run, tmp_path, capsys):
    path = tmp_path / "x.jsonl"
    records = [
        {"prompt": "a", "response": "b", "label": True},
        {"prompt": "a", "response": "c", "label": False},
        {"prompt": "a", "reasoning": "because", "response": "d", "label": True},
        {"prompt": "a", "chosen": "e", "rejected": "f"},
        {"messages": [{"role": "user", "content": [{"type": "image"}]}, {"role": "assistant", "content": "a dog"}]},
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    artifact = acquired(make_run, overrides=one_source(path))
    assert artifact.ledger.dropped == {"missing_part": 1, "rejected": 1}
    assert artifact.ledger.rows_in == len(records)
    assert artifact.metrics["all"]["left_out"] == {"reasoning": 1}
    assert artifact.metrics["all"]["rejected_sides"] == 1
    kept = "1 with the rejected side kept beside; left out: reasoning of 1; quarantined: 1 missing_part, 1 rejected"
    assert kept in capsys.readouterr().out
    (worse,) = pq.read_table(artifact.parquet("rejected")).to_pylist()
    assert worse["messages"] == [{"role": "assistant", "content": "f"}]
    better = next(row for row in rows(artifact) if row["row_id"] == worse["row_id"])
    assert [turn["content"] for turn in better["messages"]] == ["a", "e"]
    assert worse["origin"] == better["origin"]


def test_a_local_data_set_loads_through_the_hub_library(make_run, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.jsonl").write_text("".join(line(i) for i in range(5)))
    sources = json.dumps([{"name": "h", "hub": str(tmp_path / "set")}])
    artifact = acquired(make_run, overrides=[f"acquire.sources={sources}"])
    assert [r["origin"]["ordinal"] for r in rows(artifact)] == [0, 1, 2, 3, 4]


def test_a_hub_data_set_that_cannot_be_loaded_is_an_error_with_a_remedy(make_run, tmp_path):
    sources = json.dumps([{"name": "h", "hub": str(tmp_path / "nowhere")}])
    with pytest.raises(UserError, match="set path instead of hub"):
        acquired(make_run, overrides=[f"acquire.sources={sources}"])


def test_both_packages_load(make_run):
    artifact = acquired(make_run)
    assert artifact.metrics["chitchat"]["records"] == 7168
    assert artifact.metrics["chitchat"]["conversations"] == 4017
    assert artifact.metrics["chatterbot"]["conversations"] == 7634
    first = next(r for r in rows(artifact) if r["source"] == "chitchat")
    assert [m["role"] for m in first["messages"][:3]] == ["user", "assistant", "user"]
    assert first["messages"][0]["content"] == "Hello\nHow are you doing today?"
    assert first["user_id"] != dict(first["metadata"])["assistant_id"]


CORPORA = {
    "boolq": (12_697, {"no_reply": 3_245}),
    "counsel_chat": (2_129, {}),
    "hh_rlhf_harmless": (2_309, {"no_reply": 3}),
    "medquad": (16_407, {}),
    "nq_open": (3_569, {}),
    "quac": (995, {"no_reply": 5}),
    "sgd_train": (12_174, {}),
    "stackoverflow_airflow": (921, {}),
    "topical_chat_valid": (1_078, {}),
}


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is absent; set PARLANCE_SHARED_DATA")
def test_every_shared_corpus_loads_without_configuration(make_run):
    artifact = acquired(make_run, data=SHARED)
    dropped: dict[str, dict[str, int]] = {}
    for row in rows(artifact, "dropped"):
        rules = dropped.setdefault(row["source"], {})
        rules[row["rule"]] = rules.get(row["rule"], 0) + 1
    assert {s: (m["conversations"], dropped.get(s, {})) for s, m in artifact.metrics.items()} == CORPORA
    by_source: dict[str, dict] = {}
    for row in rows(artifact):
        by_source.setdefault(row["source"], row)
        roles = [m["role"] for m in row["messages"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert all(m["content"].strip() for m in row["messages"])
    prompt, reply = (m["content"] for m in by_source["boolq"]["messages"])
    assert prompt.startswith("Home Run Derby -- ")
    assert prompt.endswith("\n\ndo you have to be an all-star to be in the home run derby")
    assert reply == "No"
    assert by_source["nq_open"]["messages"][1]["content"] == "Meghan Trainor"
    prompt = by_source["counsel_chat"]["messages"][0]["content"]
    assert prompt.startswith("Can I change my feeling of being worthless to everyone?\n\nI'm going through")
    assert len(by_source["quac"]["messages"]) == 4
    assert by_source["quac"]["messages"][2]["content"] == "did they have any children?"
    assert by_source["stackoverflow_airflow"]["messages"][1]["content"].startswith("You can create a local metastore")
