"""The pages of the plugin in a browser: a server on a real port, and Chromium signed in at it."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

from plugins.tabs import app
from tests.plugins.conftest import Tokens

CHROMIUM = os.environ.get("PARLANCE_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
SHOTS = os.environ.get("PARLANCE_TEST_SCREENSHOTS")
"""A folder for pictures of the pages, to be looked at."""

Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def address(tokens: Tokens) -> Iterator[str]:  # noqa: ARG001, whose database the server reads
    config = uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=2, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait(lambda: server.started)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def visit(browser: Any, address: str, tokens: Tokens) -> Iterator[Visit]:
    """visit(path, scheme="light", role="viewer", width=1100, script=True) opens a page, which must say nothing to the
    console: a script or a style that is refused would. script: whether the browser runs any."""
    said: list[str] = []
    contexts = []

    def open_(path: str, scheme: str = "light", role: str = "viewer", width: int = 1100, script: bool = True) -> Any:
        size = {"width": width, "height": 1000}
        context = browser.new_context(viewport=size, color_scheme=scheme, java_script_enabled=script)
        contexts.append(context)
        cookies = [{"name": name, "value": value, "url": address} for name, value in tokens(role).items()]
        context.add_cookies(cookies)
        page = context.new_page()
        page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(address + path)
        return page

    yield open_
    assert [text for text in said if not text.startswith("Failed to load resource")] == []  # an answer of 401, say
    for context in contexts:
        context.close()


def shoot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def wait(holds: Callable[[], Any], seconds: float = 20) -> None:
    """Raises AssertionError when it does not hold in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
