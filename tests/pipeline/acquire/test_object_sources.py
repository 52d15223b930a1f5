"""Sources in an object store are read as files are, as a stream, whatever the store does meanwhile."""

import gzip
import io
import json
import uuid
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.acquire import Source
from configs.errors import UserError
from configs.load import load_profile, sources_of
from pipeline.acquire.batches import Held, batches_of
from pipeline.acquire.reading_plan import plan
from pipeline.acquire.sources import raw_inputs, source_files
from pipeline.contract import objects
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.objects import SourceFile
from pipeline.planning.sample import sample_sources
from tests.object_store import BUCKET, SECRET, SLOW_DOWN, Answer, Ask, Proxy, Request, Store, use

ROWS = [{"prompt": f"What is {n} and {n}?", "reply": f"It is {2 * n}. " + "So it is. " * 40} for n in range(900)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), out, row_group_size=100)
    return out.getvalue()


Patch = pytest.MonkeyPatch
FILES = {"a.jsonl": LINES, "deep/er/b.jsonl.gz": gzip.compress(LINES), "c.parquet": parquet(), ".hidden/d.jsonl": b"no"}


@pytest.fixture
def address(s3: Store, monkeypatch: Patch) -> str:
    """Where FILES lie."""
    use(monkeypatch, s3.url)
    folder = f"{BUCKET}/{uuid.uuid4().hex}"
    for name, content in FILES.items():
        s3.files.pipe_file(f"{folder}/{name}", content)
    return f"s3://{folder}"


def rows_of(path: str) -> pa.Table:
    """What acquire makes of a source."""
    source = Source(name="chats", path=path)
    found = chain.from_iterable(batches_of(u, Held(), lambda _: None) for u in plan(source, source_files(source)).units)
    return pa.Table.from_batches(list(found))


def raw(path: str, memory: Path) -> dict[str, str]:
    profile = load_profile("scratch", [f"acquire.sources={json.dumps([{'name': 'chats', 'path': path}])}"])
    return raw_inputs(profile, FileHashes(memory))


def test_objects_are_the_same_rows_and_the_same_fingerprint_as_files(address: str, tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "files" / name).write_bytes(content)
    local = str(tmp_path / "files")
    assert rows_of(address).num_rows == 3 * len(ROWS)
    assert rows_of(address).equals(rows_of(local))
    assert raw(address, tmp_path / "far.journal") == raw(local, tmp_path / "near.journal")
    assert sample_sources([Source(name="chats", path=address)]) == sample_sources([Source(name="chats", path=local)])


def test_one_object_is_a_source_too(address: str) -> None:
    assert rows_of(f"{address}/a.jsonl").num_rows == len(ROWS)
    assert sources_of(f"{address}/a.jsonl") == [{"name": "a", "path": f"{address}/a.jsonl"}]


def test_an_object_is_hashed_once(address: str, tmp_path: Path, s3: Store, monkeypatch: Patch) -> None:
    first = raw(address, tmp_path / "hashes.journal")
    with Proxy(s3.url).running() as proxy:
        use(monkeypatch, proxy.url)
        assert raw(address, tmp_path / "hashes.journal") == first
        assert not [r for r in proxy.seen if r.method == "GET" and not r.lists]
        s3.files.pipe_file(f"{address.removeprefix('s3://')}/a.jsonl", LINES.replace(b"even", b"true"))
        s3.files.pipe_file(f"{address.removeprefix('s3://')}/a.jsonl", LINES.replace(b"So", b"Oh"))
        assert {k for k, v in raw(address, tmp_path / "hashes.journal").items() if first[k] != v} == {"chats/a.jsonl"}


def test_a_range_is_read_without_what_lies_before_it(address: str, s3: Store, monkeypatch: Patch) -> None:
    monkeypatch.setattr(objects, "BLOCK_BYTES", 1 << 12)
    (file,) = objects.list_objects(f"{address}/a.jsonl")
    with Proxy(s3.url).running() as proxy:
        use(monkeypatch, proxy.url)
        with file.open() as stream:
            stream.seek(200_000)
            assert stream.read(1000) == LINES[200_000:201_000]
        ranges = [r.headers["Range"] for r in proxy.seen if r.method == "GET"]
    assert ranges == ["bytes=200000-204095"]


def throttled(times: int) -> Any:
    """A fault: so many requests are told to slow down before one is answered."""
    left = [times]

    def fault(request: Request, ask: Ask) -> Answer:
        left[0] -= 1
        return SLOW_DOWN if left[0] >= 0 else ask(request)

    return fault


def cut(request: Request, ask: Ask, seen: set[str] = set()) -> Answer:  # noqa: B006
    """A fault: the first answer to each question breaks off in the middle."""
    answer = ask(request)
    which = f"{request.path} {request.headers.get('Range')}"
    if request.method == "GET" and not request.lists and which not in seen:
        seen.add(which)
        answer.cut = len(answer.body) // 2
    return answer


@pytest.mark.parametrize("fault", [throttled(6), cut], ids=["throttled", "connections dropped"])
def test_what_a_store_stumbles_over_loses_no_row(fault: Any, address: str, s3: Store, monkeypatch: Patch) -> None:
    expected = rows_of(address)
    with Proxy(s3.url, fault).running() as proxy:
        use(monkeypatch, proxy.url)
        assert rows_of(address).equals(expected)
        assert len(proxy.seen) > 6


def test_a_store_that_never_answers_ends_in_one_line_and_no_quarantine(
    address: str, s3: Store, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(objects, "PATIENCE_SECONDS", 1.0)
    source = Source(name="chats", path=address)
    units = plan(source, source_files(source)).units

    def fault(request: Request, ask: Ask) -> Answer:
        return SLOW_DOWN if request.method == "GET" else ask(request)

    with Proxy(s3.url, fault).running() as proxy:
        use(monkeypatch, proxy.url)
        with pytest.raises(
            UserError, match=rf"{address}/a.jsonl: .*reduce your request rate.*; .*run the same command"
        ):
            list(batches_of(units[0], Held(), lambda _: None))


def test_an_object_that_is_replaced_while_it_is_read_is_refused(address: str, s3: Store) -> None:
    (file,) = objects.list_objects(f"{address}/a.jsonl")
    s3.files.pipe_file(f"{address.removeprefix('s3://')}/a.jsonl", LINES[:-100])
    with pytest.raises(UserError, match="has changed since it was listed"):
        file.open()


def test_a_listing_that_still_names_what_is_gone_is_refused(address: str, s3: Store) -> None:
    files: list[tuple[str, SourceFile]] = source_files(Source(name="chats", path=address))
    s3.files.rm_file(f"{address.removeprefix('s3://')}/a.jsonl")
    with pytest.raises(UserError, match=r"a\.jsonl: does not exist"):
        dict(files)["a.jsonl"].open()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("s3://corpora/no/such", "holds no object; correct the address"),
        ("s3://no-such-bucket/x", "holds no object; correct the address"),
        ("gs://corpora/x", "pip install gcsfs"),
    ],
)
@pytest.mark.usefixtures("address")
def test_what_cannot_be_read_is_one_line_with_a_remedy(path: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        source_files(Source(name="chats", path=path))


def test_wrong_credentials_are_one_line_that_holds_none(address: str, monkeypatch: Patch, s3: Store) -> None:
    use(monkeypatch, s3.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    with pytest.raises(UserError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") as told:
        source_files(Source(name="chats", path=address))
    assert SECRET not in str(told.value)


@pytest.mark.parametrize("path", ["s3://key:secret@bucket/x", "s3://key@bucket/x", "abfs://c@account/x?sig=abc"])
def test_an_address_with_a_credential_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="an address holds no credential"):
        Source(name="chats", path=path)
