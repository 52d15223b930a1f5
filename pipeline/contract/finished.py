"""What an attempt has finished, file by file, for the attempt after it to take over if it is still that."""

from pathlib import Path
from threading import Lock

from pipeline.contract.fingerprint import file_sha256
from pipeline.contract.journal import Journal
from pipeline.contract.progress import say


class Finished:
    """The finished files below a folder; each has the hash that it had when it was whole in a journal beside."""

    def __init__(self, journal: Path, folder: Path) -> None:
        self._journal, self._folder = Journal(journal), folder
        self._adding = Lock()
        self._known: dict[str, str] = dict(self._journal.read())

    def has(self, file: Path) -> bool:
        """Whether the file is there as it was finished. What is there otherwise is named, and deleted."""
        if not file.is_file():
            return False
        if self._known.get(self._name(file)) == file_sha256(file):
            return True
        say(f"{file}: is not what an earlier attempt finished; it is made again")
        file.unlink()
        return False

    def add(self, file: Path) -> None:
        """A file is finished. Several threads may say so at once."""
        name, digest = self._name(file), file_sha256(file)
        with self._adding:
            self._known[name] = digest
            self._journal.append([(name, digest)])

    def _name(self, file: Path) -> str:
        return file.relative_to(self._folder).as_posix()
