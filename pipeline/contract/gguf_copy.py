"""What transformers reads of a GGUF file's head, kept as it saves it: reading a vocabulary takes seconds each time."""

import shutil
import uuid
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.contract.cache import machine_cache


def head_of(file: Path, loader: Any) -> Any:
    """What a loader (AutoTokenizer, AutoConfig) makes of a GGUF file: by a copy in the machine's cache, made
    at first; without one where that cannot be written.

    Raises what the loader raises.
    """
    status = file.stat()
    known = [str(file.resolve()), status.st_size, status.st_mtime_ns, version("transformers"), version("gguf")]
    copy = machine_cache() / "gguf" / sha256(repr(known).encode()).hexdigest()[:32] / loader.__name__
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
