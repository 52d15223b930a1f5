"""Files in object stores, through fsspec: read as a stream by ranges, written whole, retried when the store stumbles.

Credentials come from the environment, as each store's package reads them; nothing here sees one.
"""

import errno
import io
import random
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple, TypeVar

from configs.addresses import CREDENTIALS, PACKAGES, last_name, store_of
from configs.credentials import masked
from configs.errors import UserError
from pipeline.contract.progress import say

T = TypeVar("T")

BLOCK_BYTES = 4 << 20
"""Of one request of a stream. A reader holds one."""

PATIENCE_SECONDS = 120.0
"""How long a store that stumbles is asked again. S3 asks to be spared for seconds to minutes after a 503 (SlowDown)."""

LONGEST_WAIT_SECONDS = 10.0

OPTIONS: dict[str, dict[str, Any]] = {"s3": {"config_kwargs": {"retries": {"total_max_attempts": 2}}}}
"""Store to settings of its filesystem. What asks again is here, and not once more in each library below."""

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
    """A file in an object store as it was listed. version: the store's own word for its content, as an ETag.

    It answers to what a Path is asked for, so that whoever reads files need not know where they are.
    """

    address: str
    size: int
    version: str

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

    def open(self, mode: str = "rb", buffering: int = 0) -> BinaryIO:
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


def size_of(address: str) -> int | None:
    """Bytes of an object; None when there is none."""
    found: dict[str, Any] | None = asking(address, "read", lambda fs, path: fs.info(path), missing=None)
    return int(found["size"]) if found and found["type"] == "file" else None


def list_objects(address: str) -> list[ObjectFile]:
    """Every file at or under an address, in order of address, as the store lists them now: which may be as of a while
    ago, so that nothing is ever concluded from a name's absence."""
    listed = asking(address, "list", lambda fs, path: fs.find(path, detail=True), missing={})
    scheme = address.partition("://")[0]
    found = []
    for path, info in listed.items():
        if info["type"] == "file" and not path.endswith("/"):
            found.append(ObjectFile(_address_of(scheme, address, path), int(info["size"]), _version(info)))
    return sorted(found, key=lambda file: file.address)


def _address_of(scheme: str, root: str, path: str) -> str:
    """The address of a listed path. abfs and hdfs list without the host that an address has."""
    netloc = root.partition("://")[2].partition("/")[0]
    if store_of(root) == "hdfs":
        return f"{scheme}://{netloc}/{path.lstrip('/')}"
    return f"{scheme}://{netloc}/{path.lstrip('/').partition('/')[2]}"


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
