"""The page in a browser: a conversation by keyboard alone, and what its reader may see and change."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from configs.load import load_profile
from serving.dialogue.dialogue import KeptDialogue
from tests.servers import Server, wait

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = os.environ.get("PARLANCE_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
SHOTS = os.environ.get("PARLANCE_TEST_SCREENSHOTS")
"""A folder for pictures of the page, to be looked at."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def site(serve: Callable[..., Server], model_folder: Path, tmp_path: Path) -> Server:
    """A server of a tiny model that keeps conversations."""
    settings = [f"serving.model={model_folder}", "serving.limits.default_reply_tokens=24"]
    dialogue = KeptDialogue(load_profile("demo", [f"storage.root={tmp_path}", *settings]), tmp_path)
    return serve(*settings, dialogue=dialogue)


@pytest.fixture
def page(browser: Any, site: Server) -> Iterator[Any]:
    """The page, which must say nothing to the console: a refused script or style would."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(site.url)
    page.get_by_text("New conversation").wait_for()
    yield page
    assert said == []
    context.close()


def say(page: Any, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def whole(page: Any, replies: int) -> str:
    """The last reply, once so many are whole."""
    settled = page.locator("article.assistant:not(.writing) .actions:visible")
    wait(lambda: settled.count() == replies)
    return page.locator("article.assistant .text").last.text_content()


def shoot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png")


def test_a_reply_streams_and_the_conversation_is_there_after_a_reload(page: Any) -> None:
    say(page, "Hello there, how are you?")
    reply = whole(page, 1)
    assert len(reply) > 12
    say(page, "And what do you like?")
    assert whole(page, 2) != reply
    page.reload()
    page.get_by_role("button", name="Hello there, how are you?", exact=True).click()
    wait(lambda: page.locator("article").count() == 4)
    assert page.locator("article.assistant .text").first.text_content() == reply
    shoot(page, "conversation")


def test_the_keyboard_alone_sends_stops_and_deletes(page: Any, site: Server) -> None:
    site.app.state.chat._serving = site.app.state.chat._serving.model_copy(
        update={"limits": site.app.state.chat._serving.limits.model_copy(update={"default_reply_tokens": 900})}
    )
    page.keyboard.type("Talk for a long time")
    page.keyboard.press("Enter")
    wait(lambda: len(page.locator("article.assistant .text").text_content()) > 10)
    page.keyboard.press("Escape")
    page.get_by_text("Your message is back in the box", exact=False).first.wait_for()
    assert page.get_by_label("Message", exact=True).input_value() == "Talk for a long time"
    wait(lambda: httpx.get(f"{site.url}/v1/conversations").json()["data"] == [])
    assert page.evaluate("document.activeElement.id") == "said"
    shoot(page, "stopped")


def test_another_reply_thumbs_and_a_correction(page: Any, site: Server) -> None:
    say(page, "Two and two?")
    whole(page, 1)
    page.get_by_role("button", name="Another reply").click()
    whole(page, 1)
    page.get_by_role("button", name="Good reply").click()
    wait(lambda: page.get_by_role("button", name="Good reply").get_attribute("aria-pressed") == "true")
    page.get_by_role("button", name="Correct").click()
    box = page.get_by_role("textbox", name="What it should have said")
    said = page.locator("article.assistant .text").text_content()
    assert box.input_value() == re.sub("\r\n?", "\n", said)  # as HTML has it of a textarea's value
    box.fill("Four.")
    shoot(page, "correcting")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Your correction: Four.").wait_for()
    [conversation] = httpx.get(f"{site.url}/v1/conversations").json()["data"]
    [_, reply] = httpx.get(f"{site.url}/v1/conversations/{conversation['id']}").json()["messages"]
    assert (reply["rating"], reply["correction"], reply["versions"]) == (-1, "Four.", 2)


def test_what_is_remembered_is_shown_and_forgotten(page: Any, site: Server) -> None:
    say(page, "Call me ABC.")
    whole(page, 1)
    page.get_by_role("button", name="Memory").click()
    page.get_by_text("You want to be called ABC.").wait_for()
    shoot(page, "memory")
    page.get_by_role("button", name="Forget: You want to be called ABC.").click()
    wait(lambda: httpx.get(f"{site.url}/v1/memory").json()["facts"] == [])
    page.get_by_role("button", name="Forget everything").click()
    page.get_by_text("Nothing yet.").wait_for()


def test_consent_is_off_until_it_is_given_and_says_what_is_kept(page: Any, site: Server) -> None:
    page.get_by_role("button", name="Privacy").click()
    switch = page.get_by_role("switch", name="My conversations may train the model")
    switch.wait_for()
    assert not switch.is_checked()
    page.get_by_text("Nothing you say trains the model unless you switch this on.", exact=False).wait_for()
    shoot(page, "privacy")
    switch.click()
    wait(lambda: httpx.get(f"{site.url}/v1/consent").json()["training"])
    wait(switch.is_checked)


def test_every_control_has_a_name_and_no_text_is_markup(page: Any) -> None:
    say(page, "<img src=x onerror=alert(1)> <b>bold</b>")
    whole(page, 1)
    assert page.locator("article.user .text").text_content() == "<img src=x onerror=alert(1)> <b>bold</b>"
    assert page.locator("article img, article b").count() == 0
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, textarea, dialog, nav, [role=log]")].filter((e) =>
            !e.ariaLabel && !e.getAttribute("aria-labelledby") && !e.labels?.length && !e.textContent.trim()
        ).map((e) => e.outerHTML)"""
    )
    assert unnamed == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_text_is_readable_in_both_schemes_at_both_widths(browser: Any, site: Server, scheme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 780}, color_scheme=scheme)
    page = context.new_page()
    page.goto(site.url)
    say(page, "Hello there, how are you? I am well and like long walks by the sea.")
    whole(page, 1)
    shoot(page, f"{scheme}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for selector in ("article.user .text", "article.assistant .text", "#show-memory", "#send", "#keys"):
        assert contrast(page, selector) >= 4.5, selector
    context.close()


def contrast(page: Any, selector: str) -> float:
    """WCAG 2.2's contrast ratio of an element's text and what lies behind it; 21 of what is hidden."""
    colours = page.evaluate(
        """(selector) => {
            let element = document.querySelector(selector);
            if (!element.checkVisibility()) return null;
            const colour = getComputedStyle(element).color;
            for (; element; element = element.parentElement) {
                const behind = getComputedStyle(element).backgroundColor;
                if (!behind.endsWith(", 0)")) return [colour, behind];
            }
        }""",
        selector,
    )
    if colours is None:
        return 21.0
    lighter, darker = sorted((luminance(colour) for colour in colours), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of rgb(r, g, b), as WCAG 2.2 defines it."""
    channels = (int(value) / 255 for value in re.findall(r"\d+", colour)[:3])
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_page_has_a_policy_and_no_inline_script(site: Server) -> None:
    answer = httpx.get(site.url)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script(?![^>]*\bsrc=)|\bon\w+=|style=", answer.text) == []
