"""What transformers reads of a GGUF file's head, kept as it saves it: reading a vocabulary takes seconds each time."""

import os
import shutil
import uuid
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any


def head_of(file: Path, loader: Any) -> Any:
    """What a loader (AutoTokenizer, AutoConfig) makes of a GGUF file: by a copy in the user's cache folder
    ($XDG_CACHE_HOME/parlance, else ~/.cache/parlance), made at first; without one where that cannot be written.

    Raises what the loader raises.
    """
    status = file.stat()
    known = [str(file.resolve()), status.st_size, status.st_mtime_ns, version("transformers"), version("gguf")]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parlance" / "gguf"
    copy = cache / sha256(repr(known).encode()).hexdigest()[:32] / loader.__name__
    if not copy.is_dir():
        loaded = loader.from_pretrained(str(file.parent), gguf_file=file.name)
        if not _saved(loaded, copy):
            return loaded
    return loader.from_pretrained(copy, local_files_only=True)


def _saved(loaded: Any, copy: Path) -> bool:
    """Whether the copy is there: another process may have made it meanwhile."""
    partial = copy.with_name(f".{copy.name}.{uuid.uuid4().hex}")
    with suppress(OSError):
        partial.mkdir(parents=True)
        loaded.save_pretrained(partial)
        partial.rename(copy)
    shutil.rmtree(partial, ignore_errors=True)
    return copy.is_dir()
