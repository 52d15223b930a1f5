"""Files in object stores, through fsspec: read as a stream by ranges, written whole, retried when the store stumbles.

Credentials come from the environment, as each store's package reads them; nothing here sees one.
"""

import errno
import io
import random
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar

from configs.addresses import CREDENTIALS, PACKAGES, joined, last_name, store_of
from configs.credentials import masked
from configs.errors import UserError
from pipeline.contract.progress import say

T = TypeVar("T")

BLOCK_BYTES = 4 << 20
"""Of one request of a stream. A reader holds one."""

CHUNK_BYTES, CHUNKS_AT_ONCE = 8 << 20, 4
"""Of an upload of a large file to S3; more where it would be over 10,000."""

PATIENCE_SECONDS = 120.0
"""How long a store that stumbles is asked again. S3 asks to be spared for seconds to minutes after a 503 (SlowDown)."""

LONGEST_WAIT_SECONDS = 10.0

OPTIONS: dict[str, dict[str, Any]] = {"s3": {"config_kwargs": {"retries": {"total_max_attempts": 2}}}}
"""Store to settings of its filesystem. What asks again is here, and not once more in each library below."""

RENAMING = ("hdfs",)
"""Stores that show a file while it is written, and can rename it."""

REFUSED = (errno.EINVAL, errno.EPERM, errno.EACCES, errno.ENOENT, errno.ENOSYS, errno.EISDIR, errno.ENOTDIR)
"""What asking again does not change."""

NO_CREDENTIALS = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "DefaultCredentialsError",
    "ClientAuthenticationError",
)


RAISE: Any = object()


class Status(NamedTuple):
    """What acquire asks of a file."""

    st_size: int
    st_mode: int = stat.S_IFREG


@dataclass(frozen=True)
class ObjectFile:
    """A file in an object store as it was listed. version: the store's own word for its content, as an ETag. made: when
    it was written (seconds since 1970).

    It answers to what a Path is asked for, so that whoever reads files need not know where they are.
    """

    address: str
    size: int
    version: str
    made: float = field(default=0.0, compare=False)

    @property
    def name(self) -> str:
        return last_name(self.address)

    @property
    def suffixes(self) -> list[str]:
        return PurePosixPath(self.name).suffixes

    def is_file(self) -> bool:
        return True

    def stat(self) -> Status:
        return Status(self.size)

    def open(self, mode: str = "rb", buffering: int = 0) -> io.BufferedReader:
        """A stream that can be sought in. Raises UserError when the store does not give that version."""
        assert mode == "rb", mode
        now = _version(asking(self.address, "read", lambda fs, path: fs.info(path)))
        if now != self.version:
            raise UserError(
                f"{self.address}: has changed since it was listed; begin anew, on files that nobody writes to"
            )
        return io.BufferedReader(_Ranges(self), max(buffering, BLOCK_BYTES))

    def __str__(self) -> str:
        return self.address


SourceFile = Path | ObjectFile
"""A file of a source: on a mounted disk, or in an object store."""


class _Ranges(io.RawIOBase):
    """The bytes of a file, each read a request of its own: what a connection drops half-way is asked for again."""

    def __init__(self, file: ObjectFile) -> None:
        super().__init__()
        self._file, self._at = file, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def, override]
        stop = min(self._at + len(buffer), self._file.size)
        if stop <= self._at:
            return 0
        data = read_range(self._file.address, self._at, stop)
        buffer[: len(data)] = data
        self._at = stop
        return len(data)


def read_range(address: str, start: int, stop: int) -> bytes:
    """Bytes of an object, all that were asked for. Raises UserError."""

    def read(fs: Any, path: str) -> bytes:
        data: bytes = fs.cat_file(path, start=start, end=stop)
        if len(data) != stop - start:
            raise OSError(errno.EIO, f"{len(data):,} bytes instead of {stop - start:,}")
        return data

    return asking(address, "read", read)


def read_object(address: str) -> bytes | None:
    """A small object, whole; None when there is none. Asks for the object itself, never for a list of names."""
    return asking(address, "read", lambda fs, path: fs.cat_file(path), missing=None)


def find_object(address: str) -> ObjectFile | None:
    """An object; None when there is none. Asks for the object itself, never for a list of names."""
    info: dict[str, Any] | None = asking(address, "read", lambda fs, path: fs.info(path), missing=None)
    return _file(address, info) if info and info["type"] == "file" else None


def put_file(file: Path, address: str) -> None:
    """Writes an object whole: nobody sees half of it, whatever becomes of the writer."""

    def put(fs: Any, path: str) -> None:
        _whole(fs, path, address, lambda to: fs.put_file(str(file), to, **_upload(address)))

    asking(address, "write", put)


def _upload(address: str) -> dict[str, Any]:
    return {"chunksize": CHUNK_BYTES, "max_concurrency": CHUNKS_AT_ONCE} if store_of(address) == "s3" else {}


def put_object(address: str, content: bytes) -> None:
    """The same of a small object, in the place of what was there."""
    asking(address, "write", lambda fs, path: _whole(fs, path, address, lambda to: fs.pipe_file(to, content)))


def put_new(address: str, content: bytes) -> bool:
    """Writes a small object unless there is one; False when there is another one. One writer of several succeeds: by
    If-None-Match on S3, its likes on Google's and Azure's stores, a rename on HDFS.

    Known limitation: a store that does not know the condition (see `conditional`) lets the last writer succeed.
    """

    def put(fs: Any, path: str) -> bool:
        try:
            if store_of(address) in RENAMING:
                _whole(fs, path, address, lambda to: fs.pipe_file(to, content), new=True)
            else:
                fs.pipe_file(path, content, mode="create")
        except FileNotFoundError:
            raise
        except Exception:  # perhaps the condition, of which each store says in its own way that it does not hold
            try:
                there: bytes = fs.cat_file(path)
            except FileNotFoundError:
                there = b""
            if not there:
                raise
            return there == content
        return True

    return asking(address, "write", put)


def conditional(folder: str) -> bool:
    """Whether the store of an address refuses to write an object twice. Raises UserError when it cannot be written."""
    address = joined(folder, f".probe-{uuid.uuid4().hex}")
    try:
        return put_new(address, b"1") and not put_new(address, b"2")
    finally:
        delete(address)


def delete(address: str) -> None:
    """Deletes an object, if there is one."""
    asking(address, "delete", lambda fs, path: fs.rm_file(path), missing=None)


def _whole(fs: Any, path: str, address: str, write: Callable[[str], object], new: bool = False) -> None:
    """Writes under the name itself, where a store shows an object when it is whole, else under another, and renames."""
    if store_of(address) not in RENAMING:
        write(path)
        return
    partial = f"{path}.{uuid.uuid4().hex}.partial"
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    try:
        write(partial)
        if not new and fs.exists(path):
            fs.rm_file(path)
        fs.mv(partial, path)
    finally:
        with suppress(OSError):
            fs.rm_file(partial)


def list_objects(address: str) -> list[ObjectFile]:
    """Every file at or under an address, in order of address, as the store lists them now: which may be as of a while
    ago, so that nothing is ever concluded from a name's absence."""
    listed = asking(address, "list", lambda fs, path: fs.find(path, detail=True), missing={})
    scheme = address.partition("://")[0]
    found = []
    for path, info in listed.items():
        if info["type"] == "file" and not path.endswith("/"):
            found.append(_file(_address_of(scheme, address, path), info))
    return sorted(found, key=lambda file: file.address)


def _address_of(scheme: str, root: str, path: str) -> str:
    """The address of a listed path. abfs and hdfs list without the host that an address has."""
    netloc = root.partition("://")[2].partition("/")[0]
    if store_of(root) == "hdfs":
        return f"{scheme}://{netloc}/{path.lstrip('/')}"
    return f"{scheme}://{netloc}/{path.lstrip('/').partition('/')[2]}"


def _file(address: str, info: dict[str, Any]) -> ObjectFile:
    made = next((info[key] for key in ("LastModified", "mtime", "last_modified", "updated") if info.get(key)), 0.0)
    seconds = made.timestamp() if isinstance(made, datetime) else float(made) if isinstance(made, int | float) else 0.0
    return ObjectFile(address, int(info["size"]), _version(info), seconds)


def _version(info: dict[str, Any]) -> str:
    told = next((info[key] for key in ("ETag", "generation", "etag", "mtime", "last_modified") if info.get(key)), "")
    return str(told).strip('"')


def asking(address: str, verb: str, ask: Callable[[Any, str], T], missing: Any = RAISE) -> T:
    """What a store answers to ask(filesystem, path); `missing`, where it is given, for an object that is not there.

    A store that throttles, drops the connection or does not answer is asked again, after waits that double, for
    PATIENCE_SECONDS. Raises UserError naming the address and the remedy, and the store's own FileExistsError.
    """
    began, wait, told = time.monotonic(), 0.25, False
    while True:
        try:
            with _package(address):
                fs, path = filesystem(address)
            return ask(fs, path)
        except (UserError, FileExistsError):
            raise
        except FileNotFoundError as error:
            if missing is not RAISE:
                return missing
            raise UserError(f"{address}: does not exist; correct the address") from error
        except Exception as error:
            waited = time.monotonic() - began
            if not _passing(error) or waited > PATIENCE_SECONDS:
                raise UserError(_line(address, verb, error, waited)) from error
            if waited > LONGEST_WAIT_SECONDS and not told:
                say(f"{address}: the store does not answer as it should ({_reason(error)}); it is asked again")
                told = True
            time.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)


def filesystem(address: str) -> tuple[Any, str]:
    """fsspec's filesystem of an address, one a process and store, and the path in it. Lists are never remembered."""
    from fsspec.core import url_to_fs

    fs, path = url_to_fs(address, use_listings_cache=False, **OPTIONS.get(store_of(address), {}))
    return fs, path


@contextmanager
def _package(address: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        package = PACKAGES[store_of(address)]
        raise UserError(
            f"{address}: needs the package {package}, which is not installed; pip install {package}"
        ) from error


def _passing(error: Exception) -> bool:
    """Whether the store may answer otherwise when it is asked again."""
    if type(error).__name__ in NO_CREDENTIALS or isinstance(error, PermissionError | TypeError | ValueError):
        return False
    return not (isinstance(error, OSError) and error.errno in REFUSED)


def _line(address: str, verb: str, error: Exception, waited: float) -> str:
    names = CREDENTIALS[store_of(address)]
    if isinstance(error, PermissionError) or type(error).__name__ in NO_CREDENTIALS:
        remedy = f"set credentials that may {verb} it in the environment: {names}"
    elif _passing(error):
        remedy = f"it was asked again for {waited:.0f} s; check the network, and run the same command again to go on"
    else:
        remedy = f"check the address and the environment: {names}"
    return f"{address}: the store does not let it be {PARTICIPLES[verb]} ({_reason(error)}); {remedy}"


PARTICIPLES = {"read": "read", "list": "listed", "write": "written", "delete": "deleted"}


def _reason(error: Exception) -> str:
    return masked(" ".join(str(error).split())[:200] or type(error).__name__)
