"""What a stage leaves behind: a folder of files, described by a manifest and committed whole."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UserError
from pipeline.contract.atomic_write import remove_partials, sync, write_text
from pipeline.contract.fingerprint import file_sha256, fingerprint
from pipeline.contract.lock import await_free, hold
from pipeline.contract.progress import say

if TYPE_CHECKING:
    import pyarrow.dataset as ds

MANIFEST = "manifest.json"
SEAL = "manifest.sha256"
MADE_BY = "its artifact is being made by"


@dataclass
class Ledger:
    """rows in + rows added = rows out + rows dropped, by rule (rows are conversations)."""

    rows_in: int = 0
    rows_out: int = 0
    added: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

    def imbalance(self) -> int:
        """Rows unaccounted for; 0 when the ledger balances."""
        return self.rows_in + sum(self.added.values()) - self.rows_out - sum(self.dropped.values())


@dataclass(frozen=True)
class Artifact:
    """A committed artifact."""

    path: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))

    @property
    def ledger(self) -> Ledger:
        return Ledger(**self.manifest["ledger"])

    @property
    def metrics(self) -> dict[str, Any]:
        return self.manifest["metrics"]

    def parquet(self, name: str = "data") -> Path:
        """The folder of Parquet files called `name`."""
        return self.path / name

    def read(self, name: str = "data") -> "ds.Dataset":
        """The Parquet files called `name`, in the order of their names."""
        import pyarrow.dataset as ds  # takes a second, which a found artifact need not cost

        return ds.dataset(sorted(str(p) for p in (self.path / name).glob("*.parquet")), format="parquet")

    def json(self, name: str) -> Any:
        """The parsed contents of a JSON file of the artifact."""
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def damage(self) -> list[str]:
        """One line for each file that is missing, changed or unexpected; empty when all is well."""
        seal, manifest = self.path / SEAL, self.path / MANIFEST
        if not seal.is_file() or seal.read_bytes() != _seal(manifest):
            return [f"{manifest}: does not match {SEAL}; delete {self.path} and run again"]
        found = []
        expected = {entry["path"]: entry for entry in self.manifest["files"]}
        present = {_relative(p, self.path): p for p in _files(self.path)}
        for name, entry in expected.items():
            file = present.get(name)
            if file is None:
                found.append(f"{self.path / name}: missing")
            elif file.stat().st_size != entry["bytes"]:
                found.append(f"{file}: {file.stat().st_size} bytes instead of {entry['bytes']}")
            elif file_sha256(file) != entry["sha256"]:
                found.append(f"{file}: contents changed (sha256 differs from the manifest)")
        found += [f"{present[name]}: not in the manifest" for name in sorted(present.keys() - expected.keys())]
        m = self.manifest
        if fingerprint(m["stage"], m["version"], m["config"], m["inputs"]) != m["fingerprint"]:
            found.append(f"{manifest}: the fingerprint does not follow from the manifest")
        if Ledger(**m["ledger"]).imbalance():
            found.append(f"{manifest}: the ledger does not balance")
        return found


class ArtifactStore:
    """artifacts/<stage>/<fingerprint>/ under a root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root / "artifacts"

    def find(self, stage: str, print_: str) -> Artifact | None:
        """The committed artifact, or None."""
        path = self.root / stage / print_
        return Artifact(path) if (path / SEAL).is_file() else None

    def all(self) -> list[Artifact]:
        """Every committed artifact."""
        return [Artifact(seal.parent) for seal in sorted(self.root.glob(f"*/*/{SEAL}"))]

    @contextmanager
    def building(self, stage: str, print_: str, resume: bool, run: str = "") -> Iterator[Path]:
        """The partial folder of an artifact, held by one process at a time; `run` is told to who waits for it.

        A second process waits here, and says so, until the first has committed or died: the lock goes with the
        process, however it ends. What an earlier attempt left is kept when `resume`, else deleted.
        """
        folder = self.root / stage
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = self._lock(stage, print_).open("a+", encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"{folder}: cannot be written ({error.strerror}); set storage.root to a writable folder"
            ) from error
        with lock:
            hold(lock, f"{stage}: {MADE_BY}", run)
            partial = folder / f".{print_}.partial"
            if partial.exists() and not resume:
                shutil.rmtree(partial)
            partial.mkdir(exist_ok=True)
            remove_partials(partial)
            yield partial
            if self.find(stage, print_) and partial.exists():  # another process committed while this one waited
                shutil.rmtree(partial)

    def await_others(self, stage: str, print_: str, tell: Callable[[str], object] = say) -> None:
        """Waits while another process makes the artifact, as `building` would."""
        await_free(self._lock(stage, print_), f"{stage}: {MADE_BY}", tell)

    def _lock(self, stage: str, print_: str) -> Path:
        return self.root / stage / f".{print_}.lock"

    def commit(self, partial: Path, manifest: dict[str, Any]) -> Artifact:
        """Checks the ledger, writes the manifest last, and renames the folder into its place."""
        ledger: Ledger = manifest["ledger"]
        _check_rows(partial, manifest["stage"], ledger)
        files = [
            {"path": _relative(p, partial), "bytes": p.stat().st_size, "sha256": file_sha256(p)}
            for p in sorted(_files(partial))
        ]
        manifest = {**manifest, "ledger": asdict(ledger), "files": files}
        write_text(partial / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False))
        write_text(partial / SEAL, _seal(partial / MANIFEST).decode())
        _sync(partial)
        target = self.root / manifest["stage"] / manifest["fingerprint"]
        if not (target / SEAL).is_file():
            if target.exists():
                shutil.rmtree(target)
            partial.rename(target)
        else:
            shutil.rmtree(partial)
        return Artifact(target)


def _check_rows(partial: Path, stage: str, ledger: Ledger) -> None:
    """The ledger balances, and agrees with the rows that lie in data/ and dropped/."""
    import pyarrow.parquet as pq

    assert ledger.imbalance() == 0, f"{stage}: the ledger does not balance: {ledger}"
    for name, rows in (("data", ledger.rows_out), ("dropped", sum(ledger.dropped.values()))):
        folder = partial / name
        if folder.is_dir():
            held = sum(pq.read_metadata(p).num_rows for p in folder.glob("*.parquet"))
            assert held == rows, f"{stage}: {name}/ holds {held} rows, the ledger says {rows}"


def _files(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and p.name not in (MANIFEST, SEAL)]


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _seal(manifest: Path) -> bytes:
    """The line that sha256sum prints for the manifest."""
    return f"{file_sha256(manifest) if manifest.is_file() else 'missing'}  {MANIFEST}\n".encode()


def _sync(folder: Path) -> None:
    """Everything on disk before the rename makes it visible."""
    for path in [*_files(folder), *(p for p in folder.rglob("*") if p.is_dir()), folder]:
        sync(path)
