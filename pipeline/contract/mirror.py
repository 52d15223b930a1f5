"""A root in an object store, and the folder of this machine in which stages work on it.

Under the address lie

    files/<2 digits>/<sha256>              the bytes of a file of artifacts and of parts, once
    artifacts/<stage>/<fingerprint>.json   an artifact: its seal, then its manifest
    parts/<stage>/<fingerprint>.json       a part, likewise
    runs/, champions/, reviews/, erasures/ small files, as under a root that is a folder

An artifact is there when its manifest is: that is put last, whole, and by the first of several writers. As files go by
their content, no two writers can mix what they write, and nobody ever sees half of one. No list of names decides
anything, as it may be a while old: whoever asks for an artifact reads its manifest.

The folder, below $PARLANCE_CACHE, is a root like any other, with links, locks and renames among the processes of this
machine: a cache. Manifests are kept in it, files only as long as there is room and a process uses them.
"""

import hashlib
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.addresses import is_address, joined, store_of
from configs.engines import Storage
from configs.errors import UserError
from pipeline.contract.atomic_write import replacing, write_text
from pipeline.contract.cache import CACHE, KINDS, MANIFEST, SEAL, Cache, folders, machine_cache
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.objects import (
    conditional,
    delete,
    find_object,
    list_objects,
    put_file,
    put_new,
    put_object,
    read_object,
)
from pipeline.contract.progress import say
from pipeline.contract.run_folder import LATEST, PROFILE
from pipeline.contract.sealed_json import DamagedError

NOTE = ".address"
"""In the folder: the address that it mirrors."""

FILES, INCOMING = "files", "incoming"
SMALL = ("champions", "reviews", "erasures")
THREADS = 8
AGAIN = "the run that needs it makes it again"
FETCHED, LINGERING_SECONDS = ".fetched", 86_400.0


def root_folder(root: str, cache_gb: float | None = None) -> Path:
    """The folder of a root: itself, or of an address the one that mirrors it here."""
    if not is_address(root):
        return Path(root).resolve()
    name = re.sub(r"[^A-Za-z0-9]+", "-", root.partition("://")[2]).strip("-")[:60]
    folder = machine_cache() / f"{store_of(root)}-{name}-{hashlib.sha256(root.encode()).hexdigest()[:8]}"
    known = Mirror.of(folder)
    if known is None or (cache_gb is not None and known.most_bytes != int(cache_gb * 1e9)):
        gb = Storage.model_fields["cache_gb"].default if cache_gb is None else cache_gb
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_text(folder / NOTE, json.dumps({"address": root, "bytes": int(gb * 1e9)}))
        except OSError as error:
            raise UserError(
                f"{folder}: cannot be written ({error.strerror}); set {CACHE} to a folder for the cache of {root}"
            ) from error
    return folder


def root_name(folder: Path) -> str:
    """What a user calls a root whose folder this is."""
    mirror = Mirror.of(folder)
    return mirror.address if mirror else str(folder)


def withdraw(path: Path) -> None:
    """An artifact, a part or a run of a root in an object store is there no longer."""
    for folder in path.parents:
        if mirror := Mirror.of(folder):
            place = path.relative_to(folder).as_posix()
            if place.split("/")[0] in KINDS:
                mirror.forget(place)
            else:
                for file in list_objects(joined(mirror.address, place)):
                    delete(file.address)
            return


@dataclass(frozen=True)
class Mirror:
    """folder: of this machine. most_bytes: that it may hold of artifacts and parts.

    A place is where an artifact or a part lies under a root: artifacts/<stage>/<fingerprint>.
    """

    folder: Path
    address: str
    most_bytes: int

    @classmethod
    def of(cls, folder: Path) -> "Mirror | None":
        """The mirror that a folder is; None of any other folder."""
        try:
            note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return cls(folder, note["address"], note["bytes"])

    @property
    def cache(self) -> Cache:
        return Cache(self.folder, self.most_bytes)

    def check(self) -> None:
        """Raises UserError when the store cannot be written; says what it cannot do. Deletes what killed processes of
        this machine left, and what is in the cache and no longer in the store."""
        for left in [*self.folder.glob(f"{INCOMING}/*"), *self.folder.glob(f"*/*/.*{FETCHED}")]:
            if time.time() - left.stat().st_mtime > LINGERING_SECONDS:
                shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
        self.pull_each(folder.relative_to(self.folder).as_posix() for folder in self.here())
        if not conditional(self.address):
            say(
                f"{self.address}: this store ignores If-None-Match: of two runs that commit the same artifact at once, "
                "the last one's stays, whole"
            )

    def publish(self, folder: Path, place: str, anew: bool = False) -> None:
        """Commits a folder that has its manifest and seal, as a place; `anew`, in the place of what is there.

        Of several that commit a place the first one's stays, and the folder becomes the same.
        """
        manifest = json.loads((folder / MANIFEST).read_bytes())
        sealed = (folder / SEAL).read_bytes() + (folder / MANIFEST).read_bytes()
        entries = {entry["sha256"]: entry for entry in manifest["files"]}
        there = self._upload(folder, entries.values())
        if anew:
            put_object(self._committed(place), sealed)
        elif not put_new(self._committed(place), sealed):
            self._take(folder, self._read(place) or sealed)
            self._fetch(folder)
            return
        self._upload(folder, there)  # gc may have taken some of it meanwhile

    def bring(self, place: str, hashes: FileHashes | None = None) -> bool:
        """Makes a place here what it is in the store, whole; False when it is not there.

        Raises DamagedError when it is not what was committed, UserError when the cache is too small for it.
        """
        if not self.pull(place):
            return False
        self.cache.use(place)
        self.cache.make_room(sum(_missing(self.folder / place).values()))
        self._fetch(self.folder / place, hashes)
        self._know_parts(place)
        return True

    def _know_parts(self, place: str) -> None:
        """Has the manifests of the parts that an artifact is made of, which tell who made them."""
        manifest = _manifest(self.folder / place)
        names = {entry["part"] for entry in manifest["files"] if "part" in entry}.union(manifest.get("made_of", ()))
        parts = [f"parts/{manifest['stage']}/{name}" for name in names]
        self.pull_each(part for part in parts if not (self.folder / part / MANIFEST).is_file())

    def bring_all(self, places: Sequence[str], hashes: FileHashes) -> None:
        """The same of many places, those that are there. One that is not what was committed is named, and there no
        more, so that it is made again."""

        def damaged(place: str, error: DamagedError) -> None:
            say(f"{error}")
            self.forget(place)
            _remove(self.folder / place)

        def pulled(place: str) -> bool:
            try:
                return self.pull(place)
            except DamagedError as error:
                damaged(place, error)
                return False

        def fetched(place: str) -> None:
            try:
                self._fetch(self.folder / place, hashes)
            except DamagedError as error:
                damaged(place, error)

        with ThreadPoolExecutor(THREADS) as pool:
            there = [place for place, found in zip(places, pool.map(pulled, places), strict=True) if found]
            for place in there:
                self.cache.use(place)
            self.cache.make_room(sum(size for place in there for size in _missing(self.folder / place).values()))
            list(pool.map(fetched, there))

    def pull(self, place: str) -> bool:
        """Makes the manifest of a place here what it is in the store; False when it is not there, and then not here."""
        folder, sealed = self.folder / place, self._read(place)
        if sealed is None:
            if folder.is_dir():
                _remove(folder)
            return False
        if folder.is_dir():
            self._take(folder, sealed)
            return True
        new = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}{FETCHED}")
        new.mkdir(parents=True)
        self._take(new, sealed)
        try:
            new.rename(folder)
        except OSError:  # another process was first
            shutil.rmtree(new)
        return True

    def pull_all(self) -> None:
        """The manifests of all places: what the store lists, and what is here, as it is there."""
        self.pull_each({folder.relative_to(self.folder).as_posix() for folder in self.here()} | self.times().keys())

    def pull_each(self, places: Iterable[str]) -> None:
        """The manifests of these places."""

        def pull(place: str) -> None:
            with suppress(DamagedError):  # which whoever asks for it is told
                self.pull(place)

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(pull, sorted(places)))

    def here(self) -> list[Path]:
        """Every artifact and part of which the manifest is here."""
        return [folder for kind in KINDS for folder in folders(self.folder, kind)]

    def digests(self, folder: Path) -> set[str]:
        """The files under files/ that a manifest names."""
        return {entry["sha256"] for entry in _manifest(folder)["files"]}

    def times(self) -> dict[str, float]:
        """Every place that the store lists, and when it was committed (seconds since 1970)."""
        found = [file for kind in KINDS for file in list_objects(joined(self.address, kind))]
        start = len(self.address) + 1
        return {f.address[start:].removesuffix(".json"): f.made for f in found if f.address.endswith(".json")}

    def bring_everything(self, hashes: FileHashes) -> None:
        """All artifacts and parts, whole: for whoever must look into each file."""
        self.pull_all()
        self.bring_all([folder.relative_to(self.folder).as_posix() for folder in self.here()], hashes)

    def forget(self, place: str) -> None:
        """Takes a place back: it is no longer committed. Its files stay, for `sweep`."""
        delete(self._committed(place))

    def sweep(self, before: float, dry: bool = False) -> int:
        """Deletes files that no manifest names, and which are from before a time (seconds since 1970); bytes that they
        held. What is younger may be on its way into an artifact."""
        self.pull_all()
        named = {digest for folder in self.here() for digest in self.digests(folder)}
        listed = list_objects(joined(self.address, FILES))
        going = [file for file in listed if file.name not in named and file.made < before]
        if not dry:
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(lambda file: delete(file.address), going))
        return sum(file.size for file in going)

    def damage(self, place: str, known: dict[str, str]) -> list[str]:
        """One line for each file of a place that the store does not have as it was committed. Reads every file, as a
        stream. known: sha256 to what is wrong with it, of files that were read already; added to."""
        try:
            if not self.pull(place):
                return [f"{self._committed(place)}: gone"]
        except DamagedError as error:
            return [str(error)]
        entries = {entry["sha256"]: entry for entry in _manifest(self.folder / place)["files"]}
        new = [entry for digest, entry in entries.items() if digest not in known]
        with ThreadPoolExecutor(THREADS) as pool:
            known |= dict(zip((e["sha256"] for e in new), pool.map(self._wrong, new), strict=True))
        name = joined(self.address, place)
        return [f"{name}/{e['path']}: {known[digest]}" for digest, e in entries.items() if known[digest]]

    def _wrong(self, entry: dict[str, Any]) -> str:
        address = self._file(entry["sha256"])
        found = find_object(address)
        if found is None:
            return f"missing ({address})"
        if found.size != entry["bytes"]:
            return f"{found.size} bytes instead of {entry['bytes']} ({address})"
        with found.open() as stream:
            same = hashlib.file_digest(stream, "sha256").hexdigest() == entry["sha256"]
        return "" if same else f"contents changed ({address})"

    def pull_small(self, *tops: str, sure: Iterable[str] = ()) -> None:
        """The small files in folders under the root, and those that runs share. sure: names that are asked for though
        no list names them."""
        listed = [file for top in (*tops, *SMALL) for file in list_objects(joined(self.address, top))]
        made = dict.fromkeys(sure, time.time())
        made |= {file.address.removeprefix(f"{self.address}/"): file.made for file in listed}
        with ThreadPoolExecutor(THREADS) as pool:
            wanted = sorted(name for name in made if ".." not in name.split("/") and name != f"runs/{LATEST}")
            list(pool.map(lambda name: self.pull_file(name, made[name]), wanted))

    def pull_runs(self) -> None:
        """The small files of all runs; a run that is no longer in the store is no longer here."""
        for folder in (self.folder / "runs").glob("[!.]*"):
            if not folder.is_symlink() and read_object(joined(self.address, "runs", folder.name, PROFILE)) is None:
                shutil.rmtree(folder)
        self.pull_small("runs")

    def pull_file(self, relative: str, made: float | None = None) -> None:
        """A small file, if it is there. made: when (seconds since 1970)."""
        content, path = read_object(joined(self.address, relative)), self.folder / relative
        if content is not None and not (path.is_file() and path.read_bytes() == content):
            _write(path, content)
            if made is not None:
                os.utime(path, (made, made))

    def latest(self) -> str | None:
        """The folder's name of the run that was begun last."""
        found = read_object(joined(self.address, "runs", LATEST))
        return found.decode() if found else None

    def begin_run(self, name: str) -> None:
        """Makes a run the latest."""
        put_object(joined(self.address, "runs", LATEST), name.encode())

    def _committed(self, place: str) -> str:
        return joined(self.address, f"{place}.json")

    def _file(self, digest: str) -> str:
        return joined(self.address, FILES, digest[:2], digest)

    def _read(self, place: str) -> bytes | None:
        """What the store has as the seal and manifest of a place. Raises DamagedError when the two do not agree."""
        sealed = read_object(self._committed(place))
        if sealed is not None:
            seal, _, manifest = sealed.partition(b"\n")
            if seal.split(b" ")[0].decode(errors="replace") != hashlib.sha256(manifest).hexdigest():
                raise DamagedError(
                    f"{self._committed(place)}: does not match its seal; the run that needs it makes it again"
                )
            if json.loads(manifest)["fingerprint"] != place.rpartition("/")[2]:
                raise DamagedError(f"{self._committed(place)}: is of another artifact; {AGAIN}")
        return sealed

    def _take(self, folder: Path, sealed: bytes) -> None:
        """Gives a folder the manifest; files that are others there go."""
        seal, _, manifest = sealed.partition(b"\n")
        before = (folder / MANIFEST).read_bytes() if (folder / MANIFEST).is_file() else b""
        if before == manifest and (folder / SEAL).is_file() and (folder / SEAL).read_bytes() == seal + b"\n":
            return
        wanted = {entry["path"]: entry["sha256"] for entry in json.loads(manifest)["files"]}
        if before:
            for entry in json.loads(before)["files"]:
                if wanted.get(entry["path"]) != entry["sha256"]:
                    (folder / entry["path"]).unlink(missing_ok=True)
        _write(folder / MANIFEST, manifest)
        _write(folder / SEAL, seal + b"\n")

    def _upload(self, folder: Path, entries: Collection[dict[str, Any]]) -> list[dict[str, Any]]:
        """Puts files into the store; returns those that were there."""

        def upload(entry: dict[str, Any]) -> bool:
            address = self._file(entry["sha256"])
            found = find_object(address)
            if found and found.size == entry["bytes"]:
                return True
            put_file(folder / entry["path"], address)
            return False

        with ThreadPoolExecutor(THREADS) as pool:
            return [entry for entry, there in zip(entries, pool.map(upload, entries), strict=True) if there]

    def _fetch(self, folder: Path, hashes: FileHashes | None = None) -> None:
        """Brings the files of a folder that are not there. Those of a part that is here are links to its files."""
        missing = _missing(folder)
        if not missing:
            return
        manifest = _manifest(folder)
        wanted = [entry for entry in manifest["files"] if entry["path"] in missing]
        parts = _Parts(self.folder / "parts" / manifest["stage"])

        def fetch(entry: dict[str, Any]) -> None:
            to = folder / entry["path"]
            to.parent.mkdir(parents=True, exist_ok=True)
            here = parts.file(entry)
            if here and hashes:
                with suppress(FileExistsError, FileNotFoundError):
                    hashes.link(here, to, entry["sha256"])
                    return
            self._download(entry, to)

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(fetch, wanted))

    def _download(self, entry: dict[str, Any], to: Path) -> None:
        address, partial = self._file(entry["sha256"]), self.folder / INCOMING / uuid.uuid4().hex
        partial.parent.mkdir(exist_ok=True)
        found = find_object(address)
        try:
            if found is None or found.size != entry["bytes"]:
                raise DamagedError(
                    f"{to}: its file {address} is gone or cut short; the run that needs it makes it again"
                )
            digest = hashlib.sha256()
            with found.open() as stream, partial.open("wb") as file:
                while block := stream.read(1 << 20):
                    digest.update(block)
                    file.write(block)
            if digest.hexdigest() != entry["sha256"]:
                delete(address)  # so that the next who makes it can put it there
                raise DamagedError(
                    f"{to}: its file {address} is not what was written; the run that needs it makes it again"
                )
            partial.replace(to)
        finally:
            partial.unlink(missing_ok=True)


class _Parts:
    """Files that parts of a stage have here, by their sha256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, dict[str, Path]] = {}

    def file(self, entry: dict[str, Any]) -> Path | None:
        part = self._folder / entry.get("part", ".none")
        if part.name not in self._known:
            self._known[part.name] = {}
            if (part / MANIFEST).is_file():
                self._known[part.name] = {e["sha256"]: part / e["path"] for e in _manifest(part)["files"]}
        found = self._known[part.name].get(entry["sha256"])
        return found if found and found.is_file() else None


def _manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / MANIFEST).read_bytes())


def _missing(folder: Path) -> dict[str, int]:
    """Files of a folder that its manifest names and that are not there, and their bytes."""
    return {e["path"]: e["bytes"] for e in _manifest(folder)["files"] if not (folder / e["path"]).is_file()}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_bytes(content)


def _remove(folder: Path) -> None:
    aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}{FETCHED}")
    with suppress(FileNotFoundError):
        folder.rename(aside)
        shutil.rmtree(aside)
