"""Python packages that carry conversations: where their files are."""

from importlib.util import find_spec
from pathlib import Path

from configs.errors import UserError
from pipeline.acquire.containers.container import Container
from pipeline.acquire.shapes import chatterbot, chitchat
from pipeline.acquire.shapes.layout import Layout

FOLDERS = {"chitchat-dataset": ("chitchat_dataset", "."), "chatterbot-corpus": ("chatterbot_corpus", "data")}
PATTERNS = {"chitchat-dataset": "dataset.json", "chatterbot-corpus": "*/*.yml"}
CONTAINERS = {"chitchat-dataset": Container("chitchat"), "chatterbot-corpus": Container("chatterbot")}
LAYOUTS: dict[str, Layout] = {"chitchat-dataset": chitchat.LAYOUT, "chatterbot-corpus": chatterbot.LAYOUT}


def folder_of(package: str) -> Path:
    """The installed package's data. Raises UserError when it is not installed."""
    module, inside = FOLDERS[package]
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise UserError(f"acquire.sources: the package {package} is not installed; pip install {package}")
    return Path(spec.origin).parent / inside


def package_files(package: str) -> list[tuple[str, Path]]:
    """(name relative to the package's data, path), in order of name. Raises UserError when there are none."""
    folder = folder_of(package)
    files = sorted((p.relative_to(folder).as_posix(), p) for p in folder.glob(PATTERNS[package]))
    if not files:
        raise UserError(f"acquire.sources: {folder} holds no {PATTERNS[package]}; reinstall the package {package}")
    return files
