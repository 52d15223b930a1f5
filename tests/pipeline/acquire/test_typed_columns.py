"""Columns of types that newer writers use hold what the writer meant: not its quotes, and no less."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Json, Value, load_dataset

from configs.acquire import Source
from pipeline.acquire.containers.arrow_types import decoder, leaves, readable
from pipeline.acquire.containers.variant import value_of
from pipeline.acquire.hub import download
from tests.pipeline.acquire.files import read, read_files, reasons, turns

ID = UUID("00000000-0000-0000-0000-000000000007")
MESSAGES = [
    [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "4", "weight": 1}],
    [{"role": "user", "content": "null"}, {"role": "assistant", "content": '"quoted"', "weight": 0}],
    [
        {"role": "user", "content": "[1, 2]"},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "content": "3"},
        {"role": "assistant", "content": "Three."},
    ],
]


def write(path: Path, **columns: pa.Array) -> Path:
    """A Parquet file that says what its columns are by Parquet's own types only, as DuckDB writes it."""
    pq.write_table(pa.table(columns), path, store_schema=False)
    return path


def outcomes(path: Path) -> tuple[list, dict]:
    good, refused, _ = read(path)
    return [(turns(row), row["conversation_id"], row["metadata"]) for row in good], reasons(refused)


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    records = [{"id": number, "messages": turns_} for number, turns_ in enumerate(MESSAGES)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_what_datasets_writes_of_messages_with_optional_keys_is_what_it_read(lines: Path, tmp_path: Path) -> None:
    loaded = load_dataset("json", data_files=str(lines), split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(loaded, Dataset)
    loaded.to_parquet(tmp_path / "rows.parquet")
    assert "json" in str(pq.read_schema(tmp_path / "rows.parquet").field("messages").type)
    assert outcomes(tmp_path / "rows.parquet") == outcomes(lines)
    assert outcomes(lines)[0][0] == ([("user", "hello"), ("assistant", "4")], "0", [])
    assert outcomes(lines)[1] == {1: ("not_learned", "every assistant turn is marked as not to be learned")}


def test_a_data_set_of_the_hub_is_read_like_the_same_rows_in_a_file(lines: Path, tmp_path: Path) -> None:
    source = Source(name="s", hub=str(lines.parent))
    hub = read_files(source, download(source, tmp_path / "hub"))
    file = read(lines)
    for there, here in zip(hub[:2], file[:2], strict=True):
        same = ("messages", "metadata", "rule", "evidence")
        assert [{k: row.get(k) for k in same} for row in there] == [{k: row.get(k) for k in same} for row in here]
    assert [row["conversation_id"] for row in hub[0]] == [row["conversation_id"] for row in file[0]]
    assert hub[2].read == file[2].read


def test_json_cells_are_their_values_and_identifiers_stay(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet",
        prompt=pa.array(['"hello"', '"4"', '"null"', "null", "{not json"], pa.json_()),
        response=pa.array(['"a"', "4", '"\\"q\\""', '"x"', '"y"'], pa.json_()),
        conversation_id=pa.array([ID.bytes] * 5, pa.uuid()),
        user_id=pa.array([ID.bytes] * 5, pa.uuid()),
    )
    good, refused, _ = read(path)
    assert [[text for _, text in turns(row)] for row in good] == [["hello", "a"], ["4", "4"], ["null", '"q"']]
    assert {(row["conversation_id"], row["user_id"]) for row in good} == {(str(ID), str(ID))}
    assert reasons(refused) == {
        3: ("no_prompt", "prompt empty"),
        4: ("wrong_type", "a JSON column holds what is no JSON"),
    }


def test_maps_are_objects(tmp_path: Path) -> None:
    turn = pa.map_(pa.string(), pa.string())
    said = [[[("role", "user"), ("content", "hi")], [("role", "assistant"), ("content", "hello")]], None]
    path = write(tmp_path / "a.parquet", messages=pa.array(said, pa.list_(turn)))
    good, refused, _ = read(path)
    assert turns(good[0]) == [("user", "hi"), ("assistant", "hello")]
    assert reasons(refused) == {1: ("wrong_type", "messages is NoneType, not a list")}


def test_a_record_that_was_written_as_one_json_column_is_the_record(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", data=pa.array(['{"prompt": "hi", "response": "hello"}'], pa.json_()))
    assert turns(read(path)[0][0]) == [("user", "hi"), ("assistant", "hello")]


def test_text_that_was_written_without_saying_so_is_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", prompt=pa.array([b"hi", b"hi"]), response=pa.array([b"hello", b"\xff"]))
    good, refused, _ = read(path)
    assert turns(good[0]) == [("user", "hi"), ("assistant", "hello")]
    assert reasons(refused) == {1: ("wrong_type", "column response holds bytes")}


def test_a_column_that_nobody_needs_cannot_hurt(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    far = pa.array([2**60], pa.timestamp("ms"))
    table = pa.table({"prompt": ["hi"], "response": ["hello"], "at": far, "vector": [[0.5] * 3]})
    pq.write_table(table, path)
    assert turns(read(path)[0][0]) == [("user", "hi"), ("assistant", "hello")]


def test_only_columns_that_can_hold_a_part_of_a_conversation_are_read() -> None:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    turn = pa.struct([("role", pa.string()), ("at", pa.timestamp("us")), ("images", pa.list_(image))])
    kinds = [pa.string(), pa.json_(), pa.uuid(), pa.timestamp("us"), pa.list_(pa.string()), image, pa.list_(turn)]
    found = [readable(kind, needed=False) for kind in kinds]
    assert found == [[True], [True], [True], [True], [True], [False, True], [True, False, False, True]]
    vector = pa.list_(pa.float32())
    assert [readable(vector, needed=needed) for needed in (False, True)] == [[False], [True]]
    assert list(map(leaves, [*kinds, vector, pa.map_(pa.string(), turn)])) == [1, 1, 1, 1, 1, 2, 4, 1, 5]


DAY, HOUR = pa.array([1], pa.date32()), pa.array([36_000_000_000], pa.time64("us"))
MOMENT, FAR = pa.array([1_000_500], pa.timestamp("ms")), pa.array([2**60], pa.timestamp("ms"))


@pytest.mark.parametrize(
    ("ids", "name"),
    [
        (DAY, "1970-01-02"),
        (HOUR, "10:00:00"),
        (MOMENT, "1970-01-01T00:16:40.5"),
        (pa.array([0], pa.timestamp("s", "Nowhere/Town")), "1970-01-01T00:00:00Z"),
        (FAR, "36536598-01-28T21:54:06.976"),
        (pa.array([90_250], pa.duration("ms")), "PT90.25S"),
        (pa.array([2**62], pa.duration("s")), f"PT{2**62}S"),
        (pa.array([True]), "true"),
        (pa.array([7.0]), "7"),
        (pa.array([Decimal("7.50")]), "7.50"),
        (pa.array([float("nan")]), None),
        (pa.array([float("inf")]), None),
    ],
)
def test_an_identifier_of_any_type_is_kept_as_text_and_what_is_no_number_is_missing(
    ids: pa.Array, name: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"prompt": ["hi"], "response": ["hello"], "conversation_id": ids, "user_id": ids}), path)
    (row,), _, _ = read(path)
    assert row["user_id"] == name
    assert row["conversation_id"] == (name or row["row_id"])


def test_a_time_inside_an_object_hurts_nothing_though_python_cannot_hold_it(tmp_path: Path) -> None:
    kind = pa.list_(pa.struct([("role", pa.string()), ("at", pa.timestamp("ms")), ("content", pa.string())]))
    at = FAR.to_numpy()[0]
    said = [[{"role": r, "at": at, "content": c} for r, c in (("user", "hi"), ("assistant", "hello"))]]
    pq.write_table(pa.table({"messages": pa.array(said, kind)}), tmp_path / "a.parquet")
    assert turns(read(tmp_path / "a.parquet")[0][0]) == [("user", "hi"), ("assistant", "hello")]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("true", "true"),
        ("1", "1"),
        ("1.50", "1.50"),
        ('["a"]', '["a"]'),
        ("[1, 2]", "[1, 2]"),
        ('{"town": "Rome", "type": "city"}', '{"town": "Rome", "type": "city"}'),
        ('"\\"Yes\\""', '"Yes"'),
        ('[{"type": "text", "text": "in parts"}]', "in parts"),
    ],
)
def test_a_text_that_happens_to_be_json_stays_the_text_that_was_written(cell: str, text: str, tmp_path: Path) -> None:
    columns = {"prompt": pa.array(['"hi"'], pa.json_()), "response": pa.array([cell], pa.json_())}
    if not text.startswith("in"):
        good, _, _ = read(write(tmp_path / "a.parquet", **columns))
        assert turns(good[0])[1] == ("assistant", text)
    turn = pa.struct([("role", pa.string()), ("content", pa.json_())])
    contents = pa.array(['"hi"', cell], pa.json_())
    said = pa.StructArray.from_arrays([pa.array(["user", "assistant"]), contents], fields=list(turn))
    listed = pa.ListArray.from_arrays(pa.array([0, 2], pa.int32()), said)
    good, _, _ = read(write(tmp_path / "b.parquet", messages=listed))
    assert turns(good[0]) == [("user", "hi"), ("assistant", text)]


def test_texts_that_datasets_keeps_as_json_are_texts(tmp_path: Path) -> None:
    texts = ["true", "4", '{"a": 1}', "[1]", "plain", "null and void"]
    features = Features({"prompt": Value("string"), "response": Json()})
    rows = Dataset.from_dict({"prompt": ["hi"] * len(texts), "response": texts}, features=features)
    rows.to_parquet(tmp_path / "a.parquet")
    good, _, _ = read(tmp_path / "a.parquet")
    assert [turns(row)[1][1] for row in good] == texts


def test_numbers_that_stand_for_names_are_the_names(tmp_path: Path) -> None:
    kinds = {"prompt": Value("string"), "response": Value("string"), "label": ClassLabel(names=["good", "bad"])}
    features = Features(kinds)
    rows = Dataset.from_dict({"prompt": ["a", "b"], "response": ["c", "d"], "label": [0, 1]}, features=features)
    rows.to_parquet(tmp_path / "a.parquet")
    good, refused, _ = read(tmp_path / "a.parquet")
    assert [turns(row)[1][1] for row in good] == ["c"]
    assert reasons(refused) == {1: ("rejected", "label is bad")}


NAMES = b"\x01\x03\x00\x04\x0b\x0froleanswers" + b"flag"
"""Metadata of a variant: version 1, three names that end at bytes 4, 11 and 15."""


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x00", None),
        (b"\x04", True),
        (b"\x08", False),
        (b"\x0c\xff", -1),
        (b"\x10\x39\x30", 12345),
        (b"\x18" + (2**40).to_bytes(8, "little"), 2**40),
        (b"\x1c" + b"\x00\x00\x00\x00\x00\x00\xf8\x3f", 1.5),
        (b"\x20\x02\xfb\x00\x00\x00", Decimal("2.51")),
        (b"\x09hi", "hi"),
        (b"\x40\x03\x00\x00\x00yes", "yes"),
        (b"\x50" + ID.bytes, ID),
        (b"\x03\x02\x00\x02\x04\x0c\x01\x0c\x02", [1, 2]),
        (b"\x02\x02\x00\x02\x00\x03\x04\x09hi\x04", {"role": "hi", "flag": True}),
    ],
)
def test_a_variant_is_the_value_that_its_bytes_encode(data: bytes, value: Any) -> None:
    assert value_of({"metadata": NAMES, "value": data}) == value


def test_a_shredded_variant_is_put_together_again() -> None:
    cell = {
        "metadata": NAMES,
        "value": b"\x02\x01\x02\x00\x01\x04",
        "typed_value": {
            "role": {"value": None, "typed_value": "user"},
            "answers": {"value": None, "typed_value": [{"value": b"\x0c\x07"}, {"value": None, "typed_value": 8}]},
            "absent": {"value": None, "typed_value": None},
        },
    }
    assert value_of(cell) == {"role": "user", "answers": [7, 8], "flag": True}


def test_a_variant_column_is_read_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    kind = pa.struct([pa.field("metadata", pa.binary(), nullable=False), pa.field("value", pa.binary())])
    cells = [{"metadata": NAMES, "value": b"\x09hi"}, {"metadata": NAMES, "value": b"\x50\x01"}]
    path = write(tmp_path / "a.parquet", prompt=pa.array(cells, kind), response=pa.array(["hello", "hello"]))
    good, refused, _ = read(path)
    assert turns(good[0]) == [("user", "hi"), ("assistant", "hello")]
    assert reasons(refused) == {1: ("wrong_type", "a variant that cannot be decoded")}


@pytest.mark.parametrize("kind", [pa.string(), pa.int64(), pa.list_(pa.struct([("role", pa.string())]))])
def test_plain_types_need_no_decoding(kind: pa.DataType) -> None:
    assert decoder(kind) is None
