"""The raw inputs of stages: what enters a fingerprint besides configuration and artifacts."""

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from configs.acquire import Source
from configs.errors import UserError
from configs.load import load_architecture
from configs.profile import Profile
from pipeline.contract.fingerprint import FileHashes, canonical_json


def raw_inputs(stage: str, profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """Label to content hash (or exact version) of everything raw that a stage reads.

    Raises UserError when a source is missing or cannot be read.
    """
    if stage == "acquire":
        found: dict[str, str] = {}
        for source in profile.acquire.sources:
            found |= _source(source, hashes)
        return found
    if stage == "deduplicate" and (profile.deduplicate.earlier or profile.deduplicate.evaluation_sets):
        from pipeline.deduplicate.references import (
            reference_files,  # imports Parquet, which most commands need not load
        )

        references = list(reference_files(profile.deduplicate, profile.storage.root))
        return dict(zip((label for label, _ in references), _hash("deduplicate", references, hashes), strict=True))
    if stage in ("embed", "annotate"):
        return _model("embed.model", profile.embed.model, hashes)
    if stage == "tokenise" and profile.tokenise.tokenizer != "train":
        return _model("tokenise.tokenizer", profile.tokenise.tokenizer, hashes)
    if stage == "train":
        if profile.model.pretrained:
            return _model("model.pretrained", profile.model.pretrained, hashes)
        return {"model": canonical_json(load_architecture(profile.model.name).model_dump(mode="json"))}
    return {}


def source_files(source: Source) -> list[tuple[str, Path]]:
    """(name relative to the source, path) of each file of a source that has a path, in order of name.

    Of a folder that is everything but folders: what cannot be read (pipes, broken links, folders and
    files without permission) is there too, for acquire to account for. Links to folders are not followed.
    """
    assert source.path is not None
    path = Path(source.path)
    if path.is_file():
        return [(_printable(path.name), path)]
    if path.is_dir():
        found = (p for p in path.rglob("*") if not p.name.startswith(".") and (not p.is_dir() or _is_closed(p)))
        return sorted((_printable(p.relative_to(path).as_posix()), p) for p in found)
    raise UserError(f"acquire.sources: {source.name}: {path} does not exist; correct the path")


def _printable(name: str) -> str:
    """A file name as text: bytes that are not UTF-8 are spelt out."""
    return name.encode("utf-8", "backslashreplace").decode()


def _is_closed(path: Path) -> bool:
    """Whether a file or folder cannot be read."""
    mode = os.R_OK | (os.X_OK if path.is_dir() else 0)
    return not os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def package_version(label: str, package: str) -> str:
    """name==version of an installed package. Raises UserError when it is not installed."""
    try:
        return f"{package}=={version(package)}"
    except PackageNotFoundError as error:
        raise UserError(f"{label}: the package {package} is not installed; pip install {package}") from error


def _source(source: Source, hashes: FileHashes) -> dict[str, str]:
    if source.package:
        return {source.name: package_version(f"acquire.sources: {source.name}", source.package)}
    if source.hub:
        return {source.name: f"hub:{source.hub}"}
    files = source_files(source)
    if not files:
        raise UserError(f"acquire.sources: {source.name}: {source.path} holds no file")
    readable = [(name, path) for name, path in files if path.is_file() and not _is_closed(path)]
    found = {f"{source.name}/{name}": "unreadable" for name, _ in files}
    for (name, _), digest in zip(readable, _hash(source.name, readable, hashes), strict=True):
        found[f"{source.name}/{name}"] = digest
    return found


def _hash(label: str, files: list[tuple[str, Path]], hashes: FileHashes) -> list[str]:
    try:
        found = hashes.of(path for _, path in files)
    except OSError as error:
        raise UserError(
            f"{label}: {error.filename}: cannot be read ({error.strerror}); check its permissions"
        ) from error
    return [found[path] for _, path in files]


def _model(label: str, name: str, hashes: FileHashes) -> dict[str, str]:
    if name.startswith("package:"):
        return {label: package_version(label, name.removeprefix("package:"))}
    folder = Path(name)
    if folder.is_dir():
        files = sorted((p.relative_to(folder).as_posix(), p) for p in folder.rglob("*") if p.is_file())
        return {f"{label}/{f}": h for (f, _), h in zip(files, _hash(label, files, hashes), strict=True)}
    return {label: f"hub:{name}"}
