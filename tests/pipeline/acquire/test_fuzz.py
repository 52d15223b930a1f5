"""Files damaged at random: never an exception, and every record is a conversation or has a reason."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st

from tests.pipeline.acquire.files import read, turns

EXCHANGES = [(f"What is {number} and {number}?", f"It is {2 * number}, „so to say“.") for number in range(12)]
ROWS = [{"prompt": asked, "response": said} for asked, said in EXCHANGES]
TALKS = [
    {"id": at, "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]}
    for at, (asked, said) in enumerate(EXCHANGES)
]


def _lines(records: list) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def _csv() -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, ["prompt", "response"])
    writer.writeheader()
    writer.writerows(ROWS)
    return out.getvalue().encode()


def _parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(TALKS), out, row_group_size=5)
    return out.getvalue()


FILES: dict[str, bytes] = {
    "lines.jsonl": _lines(TALKS),
    "array.json": json.dumps(ROWS, indent=1).encode(),
    "wrapper.json": json.dumps({"version": 1, "data": TALKS}).encode(),
    "table.csv": _csv(),
    "rows.parquet": _parquet(),
    "lines.jsonl.gz": gzip.compress(_lines(ROWS), mtime=0),
    "utf16.jsonl": _lines(ROWS).decode().encode("utf-16"),
}

NASTY = [
    b"\0",
    b"\xff",
    b'"',
    b"{",
    b"]",
    b"\n",
    b"\r",
    b"\x1e",
    b"\xc2\xa0",
    b"\xed\xa0\x80",
    b"\\ud800",
    b",",
    b"\xef\xbb\xbf",
]
Edit = tuple[str, float, bytes]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "insert", "delete", "cut", "repeat"]),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(NASTY) | st.binary(min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, edits: list[Edit]) -> bytes:
    """The data after some edits, each at a share of its length."""
    kinds: dict[str, Callable[[bytes, int, bytes], bytes]] = {
        "flip": lambda d, at, new: d[:at] + bytes([d[at] ^ (new[0] or 1)]) + d[at + 1 :],
        "insert": lambda d, at, new: d[:at] + new + d[at:],
        "delete": lambda d, at, new: d[:at] + d[at + 8 * len(new) :],
        "cut": lambda d, at, _: d[:at],
        "repeat": lambda d, at, _: d[:at] + d[at : at + 64] * 3 + d[at + 64 :],
    }
    for kind, share, new in edits:
        if data:
            data = kinds[kind](data, int(share * len(data)), new)
    return data


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_read_whole_when_they_are_sound(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    good, refused, _ = read(tmp_path / name)
    assert [tuple(text for _, text in turns(row)) for row in good] == EXCHANGES
    assert refused == []


@pytest.mark.parametrize("name", FILES)
@seed(20261128)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(edits=EDITS)
@example(edits=[("flip", 0.9999, b"\0")])  # of a wrapper: its last bracket
def test_damage_is_accounted_for_and_never_a_trace(name: str, tmp_path: Path, edits: list[Edit]) -> None:
    path = tmp_path / name
    path.write_bytes(damaged(FILES[name], edits))
    good, refused, held = read(path)  # counts what it reads, and compares
    assert held.read.total() == len(good) + len(refused) >= 1
    assert all(row["rule"] and json.loads(row["evidence"])["detail"] for row in refused)
    assert all(text for row in good for _, text in turns(row))


COLUMNS = (
    *(
        "messages",
        "conversations",
        "prompt",
        "response",
        "instruction",
        "input",
        "output",
        "question",
        "answer",
        "text",
    ),
    *(
        "chosen",
        "rejected",
        "completion",
        "history",
        "system",
        "tools",
        "reasoning",
        "rationale",
        "label",
        "rating",
        "score",
    ),
    *("weight", "choices", "options", "A", "B", "context", "knowledge", "images", "id", "user_id", "topic", "mapping"),
    *("response_a", "response_b", "winner", "current_node", "chat"),
)
KEYS = st.sampled_from(
    (
        *(
            "role",
            "content",
            "from",
            "value",
            "text",
            "type",
            "parts",
            "weight",
            "score",
            "thoughts",
            "tool_calls",
            "name",
        ),
        *(
            "arguments",
            "function",
            "label",
            "key",
            "image_url",
            "message",
            "parent",
            "author",
            "metadata",
            "attachments",
        ),
    )
)
WORDS = st.sampled_from(
    (
        *(
            "user",
            "assistant",
            "system",
            "tool",
            "hi",
            "",
            " ",
            "4",
            "true",
            "[1]",
            '{"role": "user"}',
            "<image>",
            "a\0b",
        ),
        *("<functioncall> {}", "FUNCTION RESPONSE: 1", "User: a\nBot: b", "F", "bad", "\ud800", "winner", "model_a"),
    )
)
SCALARS = WORDS | st.none() | st.booleans() | st.integers(-2, 9) | st.floats(allow_nan=True, width=32)
TURN = st.fixed_dictionaries({"role": WORDS, "content": SCALARS}, optional={"weight": SCALARS, "thoughts": SCALARS})
VALUES = st.recursive(
    SCALARS | st.lists(TURN, max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
RECORDS = st.dictionaries(st.sampled_from(COLUMNS), VALUES, max_size=6) | SCALARS


@seed(20261128)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(records=st.lists(RECORDS, min_size=1, max_size=4))
def test_records_of_any_shape_become_conversations_or_have_a_reason(tmp_path: Path, records: list) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    good, refused, _ = read(path)
    assert len(good) + len(refused) == (len(records) if good else max(len(refused), 1))
    for row in good:
        said = turns(row)
        assert said[-1][0] == "assistant"
        assert all(role in ("system", "user", "assistant", "tool") and text.strip() for role, text in said)
