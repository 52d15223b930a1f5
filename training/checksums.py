"""Sizes and hashes of files that a later attempt may take over. Imports no torch."""

from pathlib import Path

from pipeline.contract.fingerprint import file_sha256


def checksums(folder: Path) -> dict[str, list]:
    """File below a folder to [bytes, sha256]."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): checksum(p) for p in files}


def checksum(file: Path) -> list:
    """[bytes, sha256]; of a file that is gone [0, ""]."""
    try:
        return [file.stat().st_size, file_sha256(file)]
    except FileNotFoundError:
        return [0, ""]
