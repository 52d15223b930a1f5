"""Columns of types that newer writers use hold what the writer meant: not its quotes, and no less."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, load_dataset

from configs.acquire import Source
from pipeline.acquire.containers.arrow_types import decoder, readable
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
    kinds = [
        pa.string(),
        pa.json_(),
        pa.uuid(),
        pa.list_(pa.float32()),
        pa.timestamp("us"),
        pa.list_(pa.string()),
        image,
    ]
    read_ = [readable(pa.field(f"c{number}", kind)) for number, kind in enumerate(kinds)]
    assert read_ == [["c0"], ["c1"], ["c2"], [], [], ["c5"], ["c6.path"]]


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
