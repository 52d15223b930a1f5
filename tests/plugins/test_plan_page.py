"""The tab Plan in a browser: what profiles say beside each field, what is refused, and the button that starts a run."""

import json
from typing import Any

import pytest

from configs.load import load_profile
from tests.plugins.browsing import Visit, address, browser, needs_chromium, shoot, visit  # noqa: F401

PATH = "/plan/train_chat_model"

pytestmark = needs_chromium


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_another_profile_shows_what_it_says_and_keeps_what_was_filled_in(visit: Visit, scheme: str) -> None:  # noqa: F811
    page = visit(PATH, scheme=scheme, role="user")
    page.get_by_text("Training", exact=True).click()
    steps = page.get_by_label("train.steps")
    assert steps.get_attribute("placeholder") == str(load_profile("demo").train.steps)
    steps.fill("90")
    page.get_by_label("Profile").fill("scratch")
    page.get_by_label("Profile").blur()
    page.wait_for_url("**only=fields*")
    assert page.get_by_label("train.steps").get_attribute("placeholder") == "500"
    assert page.get_by_label("train.steps").input_value() == "90"
    assert page.locator("pre").count() == 0
    page.get_by_role("link", name="preferences").click()
    page.get_by_text("Direct preference optimisation", exact=False).first.wait_for()
    shoot(page, f"plan-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_value_out_of_bounds_is_not_even_sent(visit: Visit) -> None:  # noqa: F811
    page = visit(f"{PATH}?profile=scratch&only=fields&train.steps=9", role="user")
    page.get_by_label("train.steps").fill("0")
    page.get_by_role("button", name="Estimate").click()
    assert page.url.endswith("train.steps=9")
    assert page.evaluate("document.getElementById('form').checkValidity()") is False


def test_the_button_starts_what_was_estimated_and_leads_to_its_report(visit: Visit) -> None:  # noqa: F811
    page = visit(f"{PATH}?profile=cluster-32xa100&train.steps=9000", role="user")
    asked: list[Any] = []

    def answer(route: Any) -> None:
        asked.append((route.request.method, json.loads(route.request.post_data)))
        route.fulfill(status=200, content_type="application/json", body='{"dag_run_id": "manual__1"}')

    page.route("**/api/v2/dags/train_chat_model/dagRuns", answer)
    shoot(page, "plan-estimated")
    page.get_by_role("button", name="Start anyway").click()
    page.get_by_text("Started as manual__1").wait_for()
    assert asked == [("POST", {"logical_date": None, "conf": {
        "profile": "cluster-32xa100", "data": None, "overrides": [], "train.steps": 9000
    }})]  # fmt: skip
    assert page.get_by_role("link", name="its report").get_attribute("href") == "../runs/train_chat_model/manual__1"


def test_what_airflow_refuses_is_said(visit: Visit) -> None:  # noqa: F811
    page = visit(f"{PATH}?profile=cluster-32xa100", role="user")
    detail = json.dumps({"detail": "train.steps: too many"})
    page.route(
        "**/dagRuns", lambda route: route.fulfill(status=200 + 200, content_type="application/json", body=detail)
    )
    page.get_by_role("button", name="Start anyway").click()
    page.get_by_text("Not started: train.steps: too many").wait_for()


def test_settings_that_were_changed_since_are_not_started(visit: Visit) -> None:  # noqa: F811
    page = visit(f"{PATH}?profile=cluster-32xa100", role="user")
    page.get_by_label("Further settings").fill("seed=3")
    assert page.get_by_role("button", name="Start anyway").is_disabled()
