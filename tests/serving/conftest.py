"""Servers on real ports."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import PLAIN, Server, write_model


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("served") / "model")


@pytest.fixture(scope="session")
def server(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One engine, no filter."""
    found = Server(tmp_path_factory.mktemp("root"), [f"serving.model={model_folder}", *PLAIN])
    yield found
    found.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers with other settings, and ends them."""
    with contextlib.ExitStack() as ended:

        def start(*overrides: str, root: Path = tmp_path, dialogue: Any = None) -> Server:
            found = Server(root, [*PLAIN, *overrides], dialogue)
            ended.callback(found.close)
            return found

        yield start
