"""Every record in a JSON file is read or quarantined: wrappers, their other lists, documents one after the other."""

import json

import pytest

from pipeline.acquire.containers import json_array
from pipeline.acquire.containers.json_wrapper import rows_of
from tests.pipeline.acquire.files import read, reasons, turns


def pair(number: int, **more) -> dict:
    return {"prompt": f"q{number}", "response": f"a{number}", **more}


PAIRS = [pair(number) for number in range(10)]


def line(record) -> str:
    return json.dumps(record) + "\n"


def pretty(record) -> str:
    return json.dumps(record, indent=1) + "\n"


FILES = {
    "lines that each wrap two": lambda w: "".join(w({"id": i, "data": PAIRS[2 * i : 2 * i + 2]}) for i in range(5)),
    "two lists of one wrapper": lambda w: w({"version": 1, "data": PAIRS[:7], "examples": PAIRS[7:]}),
    "a list of another name": lambda w: w(
        {"data": PAIRS[:7], "licence": "MIT", "tags": ["x"], "validation": PAIRS[7:]}
    ),
    "an object after the list": lambda w: w({"data": PAIRS, "info": {"rows": [1]}}),
    "two arrays": lambda w: w(PAIRS[:4]) + w(PAIRS[4:]),
    "array, wrapper and values": lambda w: w(PAIRS[:4]) + w({"rows": PAIRS[4:8]}) + w(PAIRS[8]) + w(PAIRS[9]),
    "rows with a list of texts": lambda w: "".join(w({"items": ["x"], **row}) for row in PAIRS),
    "rows with a list of objects": lambda w: "".join(
        w({"id": i, "items": [{"a": 1}], **row}) for i, row in enumerate(PAIRS)
    ),
    "rows that end with a list": lambda w: "".join(w({**row, "data": [{"a": 1}]}) for row in PAIRS),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("write", [line, pretty], ids=["lines", "pretty"])
@pytest.mark.parametrize("chunk", [1 << 18, 16])
def test_all_ten_records_are_read_in_order(tmp_path, name, write, chunk, monkeypatch):
    monkeypatch.setattr(json_array, "CHUNK", chunk)
    (tmp_path / "a.json").write_text(FILES[name](write))
    good, refused, _ = read(tmp_path / "a.json")
    assert [turns(row)[0][1] for row in good] == [row["prompt"] for row in PAIRS]
    assert refused == []


def test_a_list_of_other_things_is_accounted_for(tmp_path):
    (tmp_path / "a.json").write_text(line({"version": 1, "data": PAIRS[:2], "rows": [7, "x"]}))
    good, refused, _ = read(tmp_path / "a.json")
    assert len(good) == 2
    assert {ordinal: rule for ordinal, (rule, _) in reasons(refused).items()} == {2: "wrong_type", 3: "wrong_type"}


@pytest.mark.parametrize("cut", [20, 200])
def test_a_wrapper_that_ends_early_keeps_what_came_before(tmp_path, cut, monkeypatch):
    monkeypatch.setattr(json_array, "CHUNK", 64)
    text = json.dumps({"version": 1, "data": PAIRS[:5], "test": PAIRS[5:]})[:-cut]
    (tmp_path / "a.json").write_text(text)
    good, refused, _ = read(tmp_path / "a.json")
    assert len(good) == text.count("}")
    assert [rule for rule, _ in reasons(refused).values()] == ["truncated"]


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        ({"version": 1, "data": [{"a": 1}], "more": [{"b": 2}, 3]}, [{"a": 1}, {"b": 2}]),
        ({"data": [[1], [2]]}, [[1], [2]]),
        ({"data": ["a", "b"]}, None),
        ({"data": []}, None),
        ({"prompt": "a", "data": [{"a": 1}]}, None),
        ({"train": [{"a": 1}]}, None),
        ([{"a": 1}], None),
        (7, None),
    ],
)
def test_what_is_a_wrapper(document, rows):
    assert rows_of(document) == rows


@pytest.mark.parametrize("text", ["\u00a0", "\x1e", "\u2028\n"])
def test_a_file_of_odd_blanks_is_refused_with_a_reason(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    good, refused, _ = read(tmp_path / "a.json")
    assert good == []
    assert len(refused) == 1


@pytest.mark.parametrize("text", [line(PAIRS[0]), json.dumps(PAIRS[:1]), "prompt,response\nq0,a0\nq1,a1\n"])
def test_megabytes_of_blank_lines_before_the_data_are_skipped(tmp_path, text):
    (tmp_path / "a.dat").write_text("\n" * (2 << 20) + text)
    assert turns(read(tmp_path / "a.dat")[0][0]) == [("user", "q0"), ("assistant", "a0")]


def test_a_name_that_no_file_can_hold_costs_only_its_column(tmp_path):
    odd = [{"\ud800": 1, **pair(0)}, {"topic\ud800": "x", **pair(1)}, {"messages\udfff": [], "label": False, **pair(2)}]
    (tmp_path / "a.jsonl").write_text("".join(map(line, odd)))
    good, refused, _ = read(tmp_path / "a.jsonl")
    assert [turns(row)[0][1] for row in good] == ["q0", "q1"]
    assert reasons(refused) == {2: ("rejected", "label is false")}
    (tmp_path / "b.jsonl").write_text(line({"\ud800": 1}))
    assert reasons(read(tmp_path / "b.jsonl")[1]) == {0: ("unknown_shape", "columns: none")}


def test_what_lies_in_a_hidden_folder_is_no_data(tmp_path):
    for name in (".git/objects.json", "data/.ipynb_checkpoints/a.jsonl", "data/a.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(line(PAIRS[0]))
    good, refused, _ = read(tmp_path)
    assert [row["origin"]["file"] for row in good] == ["data/a.jsonl"]
    assert refused == []
