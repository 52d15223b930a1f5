"""Containers: recognised by content, read to the last good record, the same whole or in ranges."""

import csv
import gzip
import io
import json
import random
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.acquire.containers import json_array
from pipeline.acquire.containers.detect import container_of
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.units import Unit, count, numbered, records

ROWS = [{"question": f"q{i}", "answer": f"a{i}"} for i in range(5)]
LINES = "".join(json.dumps(r) + "\n" for r in ROWS).encode()
ARRAY = json.dumps(ROWS).encode()
CSV = b"question,answer\n" + b"".join(f"q{i},a{i}\n".encode() for i in range(5))


def parquet_bytes(rows, group=2):
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out, row_group_size=group)
    return out.getvalue()


def unit_of(path):
    return Unit("s", path.name, path, container_of(path), size=path.stat().st_size)


def read(path, data):
    path.write_bytes(data)
    return list(records(unit_of(path)))


def good(found):
    return [r for _, r in found if not isinstance(r, Malformed)]


def rules(found):
    return {o: r.rule for o, r in found if isinstance(r, Malformed)}


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (LINES, "JSON Lines"),
        (ARRAY, "JSON"),
        (json.dumps(ROWS, indent=2).encode(), "JSON"),
        (json.dumps({"version": 1, "data": ROWS}).encode(), "JSON"),
        ("".join(json.dumps(r, indent=1) for r in ROWS).encode(), "JSON"),
        (CSV, "CSV"),
        (CSV.replace(b",", b"\t"), "CSV"),
        (b"\xef\xbb\xbf" + CSV, "CSV"),
        (parquet_bytes(ROWS), "Parquet"),
    ],
)
def test_a_container_is_known_by_its_content_and_read(tmp_path, data, kind, compress):
    path = tmp_path / "file.dat"
    found = read(path, compress(data))
    assert str(container_of(path)).removesuffix(", gzip") == kind
    assert found == list(enumerate(ROWS))


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "empty_file"),
        (b" \n\n", "empty_file"),
        (b"PK\x03\x04 archive", "unknown_format"),
        (b"%PDF-1.4", "unknown_format"),
        (b"# A title\n\nSome prose.\n", "unknown_format"),
        (bytes(range(256)) * 20, "unknown_format"),
        (gzip.compress(LINES, mtime=0)[:8], "unreadable_file"),
    ],
)
def test_other_files_are_refused_with_the_reason(tmp_path, data, rule):
    path = tmp_path / "file.json"
    path.write_bytes(data)
    with pytest.raises(Malformed) as refused:
        container_of(path)
    assert refused.value.rule == rule


def test_a_parquet_file_without_its_footer_is_one_record(tmp_path):
    assert rules(read(tmp_path / "a.parquet", parquet_bytes(ROWS)[:-20])) == {0: "unreadable_file"}


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (b'{"question": "q", "answer"\n', "bad_json"),
        (b'{"question": "\xff"}\n', "invalid_utf8"),
        (b"[" * 100_000 + b"\n", "bad_json"),
        (b'{"n": ' + b"9" * 5000 + b"}\n", "bad_json"),
    ],
)
def test_a_malformed_line_is_refused_where_it_lies(tmp_path, bad, rule):
    lines = LINES.splitlines(keepends=True)
    found = read(tmp_path / "a", b"".join([*lines[:2], b"\n", bad, *lines[2:]]))
    assert good(found) == ROWS
    assert rules(found) == {2: rule}


@pytest.mark.parametrize(
    "bad",
    [
        '{"question": "q", "answer"}',
        '{"question": "q",, "answer": "a"}',
        '{"question": "unterminated}',
        '{"question": "q", "answer": ["a"}',
        "nonsense",
        "[" * 100_000 + "]" * 100_000,
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_a_malformed_element_of_an_array_costs_only_itself(tmp_path, bad, indent):
    parts = [json.dumps(r, indent=indent) for r in ROWS]
    found = read(tmp_path / "a", ("[" + ",\n".join([*parts[:2], bad, *parts[2:]]) + "]").encode())
    assert good(found) == ROWS
    assert rules(found) == {2: "bad_json"}


def test_an_array_that_ends_early_keeps_what_came_before(tmp_path):
    found = read(tmp_path / "a", ARRAY[:-20])
    assert good(found) == ROWS[:4]
    assert rules(found) == {4: "truncated"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    values=st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=30),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
            max_leaves=8,
        ),
        max_size=12,
    ),
    indent=st.sampled_from([None, 0, 2]),
    ascii_only=st.booleans(),
    chunk=st.integers(1, 40),
)
def test_an_array_is_the_same_whatever_the_size_of_a_read(tmp_path, values, indent, ascii_only, chunk):
    path = tmp_path / "a.json"
    path.write_bytes(json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))
    before = json_array.CHUNK
    json_array.CHUNK = chunk
    try:
        unit = Unit("s", "a", path, container_of(path))
        found = [value for _, value in records(unit)] if isinstance(unit.container, json_array.JsonArray) else values
    finally:
        json_array.CHUNK = before
    assert found == values


def noise(count):
    """Rows that gzip cannot make small."""
    return [{"question": f"q{i}", "answer": random.Random(i).randbytes(40).hex()} for i in range(count)]


WRITERS: dict[str, Callable[[list], str]] = {
    "json lines": lambda rows: "".join(json.dumps(r) + "\n" for r in rows),
    "array": json.dumps,
    "csv": lambda rows: "question,answer\n" + "".join(f"{r['question']},{r['answer']}\n" for r in rows),
}


@pytest.mark.parametrize("container", WRITERS)
def test_a_truncated_gzip_keeps_what_could_be_read(tmp_path, container):
    rows = noise(2000)
    found = read(tmp_path / "a.gz", gzip.compress(WRITERS[container](rows).encode())[:-30_000])
    kept = good(found)
    assert len(kept) > 1000
    assert kept == rows[: len(kept)]
    assert rules(found) == {len(kept): "truncated"}


def test_a_damaged_gzip_keeps_what_came_before(tmp_path):
    rows = noise(2000)
    data = bytearray(gzip.compress("".join(json.dumps(r) + "\n" for r in rows).encode()))
    data[len(data) // 2] ^= 0xFF
    found = read(tmp_path / "a.gz", bytes(data))
    kept = [r for r in good(found) if r in rows]
    assert kept[:500] == rows[:500]
    assert "truncated" in rules(found).values()


def test_gzip_members_one_after_the_other_are_one_file(tmp_path):
    lines = LINES.splitlines(keepends=True)
    assert good(read(tmp_path / "a.gz", b"".join(gzip.compress(line) for line in lines))) == ROWS


def test_a_row_with_other_fields_than_the_header_is_refused(tmp_path):
    found = read(tmp_path / "a.csv", CSV + b"one\na,b,c\nq,\xff\nq9,a9\n")
    assert good(found)[-1] == {"question": "q9", "answer": "a9"}
    assert rules(found) == {5: "ragged_row", 6: "ragged_row"}


def test_fields_may_span_lines_and_hold_delimiters_and_quotes(tmp_path):
    rows = [{"question": 'a, "b"\nc\r\nd', "answer": "e"}, {"question": "\n\n", "answer": "f"}]
    out = io.StringIO()
    writer = csv.DictWriter(out, ["question", "answer"])
    writer.writeheader()
    writer.writerows(rows)
    assert good(read(tmp_path / "a.csv", out.getvalue().encode())) == rows


def in_ranges(path, size):
    ranges = unit_of(path).split(size)
    if len(ranges) > 1 and not ranges[0].container.parts_numbered:
        ranges, total = numbered([(unit, count(unit)) for unit in ranges])
        assert total == len(list(records(unit_of(path))))
    return [(o, r.rule if isinstance(r, Malformed) else r) for unit in ranges for o, r in records(unit)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lines=st.lists(st.sampled_from(['{"a": 1}', "", "bad", '{"b": "ü"}', "   ", '{"c": [1, 2, 3, 4, 5]}']), min_size=1),
    size=st.integers(1, 60),
    end=st.sampled_from(["", "\n"]),
)
def test_json_lines_are_the_same_in_ranges(tmp_path, lines, size, end):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 0}\n' + "\n".join(lines) + end)
    assert in_ranges(path, size) == in_ranges(path, 1 << 20)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    text=st.lists(st.sampled_from(["a", ",", '"', "\n", "é", " ", "\r\n", '","', '"\n"']), max_size=80).map("".join),
    size=st.integers(1, 60),
)
def test_csv_is_the_same_in_ranges_however_its_quotes_lie(tmp_path, text, size):
    path = tmp_path / "a.csv"
    path.write_bytes(b"question,answer\n" + text.encode())
    assert in_ranges(path, size) == in_ranges(path, 1 << 20)


def test_parquet_is_the_same_in_row_groups(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet_bytes([{"a": i} for i in range(23)], group=3))
    assert len(unit_of(path).split(10)) == 8
    assert in_ranges(path, 10) == list(enumerate({"a": i} for i in range(23)))
