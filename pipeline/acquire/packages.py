"""Python packages that carry conversations: where their files are, and how they are read."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from configs.acquire import PACKAGES
from configs.errors import UserError
from pipeline.acquire.containers.container import Container
from pipeline.acquire.shapes.layout import Layout


class Package(Protocol):
    """A file of shapes/ that PACKAGES names: container and shape in one.

    MODULE: what the package installs. FOLDER: of the data, inside it. PATTERN: of the data's files.
    """

    MODULE: str
    FOLDER: str
    PATTERN: str
    CONTAINER: Container
    LAYOUT: Layout


def package_of(name: str) -> Package:
    """The file that reads a package of PACKAGES."""
    return cast(Package, import_module(f"pipeline.acquire.shapes.{PACKAGES[name]}"))


def folder_of(name: str) -> Path:
    """The installed package's data. Raises UserError when it is not installed."""
    package = package_of(name)
    spec = find_spec(package.MODULE)
    if spec is None or spec.origin is None:
        raise UserError(f"acquire.sources: the package {name} is not installed; pip install {name}")
    return Path(spec.origin).parent / package.FOLDER


def package_files(name: str) -> list[tuple[str, Path]]:
    """(name relative to the package's data, path), in order of name. Raises UserError when there are none."""
    folder, pattern = folder_of(name), package_of(name).PATTERN
    files = sorted((p.relative_to(folder).as_posix(), p) for p in folder.glob(pattern))
    if not files:
        raise UserError(f"acquire.sources: {folder} holds no {pattern}; reinstall the package {name}")
    return files
