"""The plugin within Airflow's whole API server: its pages, tabs and buttons, and what the form says and refuses."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from configs.load import load_profile
from plugins.project import PROJECT
from tests.plugins.conftest import Tokens

DAG = "/api/v2/dags/train_chat_model"
PLAN = "/parlance/plan/train_chat_model"


@pytest.fixture(scope="module")
def server(tokens: Tokens, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The application that `airflow api-server` serves, over a database with our DAGs, for a user who triggers."""
    from airflow import settings
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(PROJECT / "dags"))
        patch.setenv("AIRFLOW__CORE__PLUGINS_FOLDER", str(PROJECT / "plugins"))
        patch.setenv("PARLANCE_ROOT", str(tmp_path_factory.mktemp("root")))
        settings.configure_vars()
        DagBundlesManager().sync_bundles_to_db()
        sync_bag_to_db(DagBag(PROJECT / "dags", bundle_name="dags-folder"), "dags-folder", None)
        purge_cached_app()
        with TestClient(create_app(apps="core"), cookies=tokens("user")) as client:
            yield client
    purge_cached_app()


def test_the_tab_plan_is_served_under_the_plugins_path(server: TestClient) -> None:
    text = server.get(f"{PLAN}?profile=scratch&train.steps=90").text
    assert "Start this run" in text
    assert "&#34;train.steps&#34;: 90" in text


def test_airflow_itself_refuses_what_is_out_of_a_fields_bounds(server: TestClient) -> None:
    answer = server.post(f"{DAG}/dagRuns", json={"logical_date": None, "conf": {"train.steps": 0}})
    assert answer.status_code == 400
    assert "train.steps" in answer.text


def test_the_forms_fields_say_what_profiles_say(server: TestClient) -> None:
    params = server.get(f"{DAG}/details").json()["params"]
    assert f"{load_profile('demo').train.steps} in demo" in params["train.steps"]["description"]
    assert "`scratch` (from scratch)" in params["profile"]["schema"]["description_md"]


def test_tabs_and_buttons_are_registered(server: TestClient, tokens: Tokens) -> None:
    plugins = server.get("/api/v2/plugins", cookies=tokens("admin")).json()["plugins"]
    [ours] = [plugin for plugin in plugins if plugin["name"] == "parlance_report"]
    assert {"Report", "Compare", "Review", "Plan"} <= {view["name"] for view in ours["external_views"]}
    assert len(ours["global_operator_extra_links"]) == 2
