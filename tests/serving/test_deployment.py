"""The files that others run: HAProxy's configuration, natively; the profile in Kubernetes' manifest."""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from configs.load import load_profile
from serving.keys import Keys
from serving.listening import listen
from tests.servers import Server, wait
from tests.stack.compose import services

PROJECT = Path(__file__).resolve().parents[2]


def test_the_profile_in_the_manifest_and_its_command_are_ours(tmp_path: Path) -> None:
    documents = list(yaml.safe_load_all((PROJECT / "docker" / "kubernetes.yaml").read_text()))
    profile = tmp_path / "serve.yaml"
    profile.write_text(documents[0]["data"]["serve.yaml"])
    serving = load_profile(str(profile)).serving
    assert serving.anonymous == "never"
    services = {each["metadata"]["name"]: each for each in documents if each["kind"] == "Service"}
    assert serving.engines[0].url.split("/")[2].split(":")[0] in services
    gateway = next(each for each in documents if each["metadata"]["name"] == "parlance-gateway")
    spec = gateway["spec"]["template"]["spec"]
    variables = {each["name"] for each in spec["containers"][0]["env"]}
    assert serving.engines[0].key_variable in variables
    assert spec["terminationGracePeriodSeconds"] > 30


def test_the_services_of_compose_are_valid_profiles() -> None:
    found = services({"PARLANCE_SECRETS": "/srv/secrets"})
    for name in ("serve", "serve-vllm"):
        words = found[name].command
        words = shlex.split(words[2]) if words[0] == "sh" else words
        overrides = [value for flag, value in pairwise(words) if flag == "-o"]
        assert load_profile("demo", overrides).serving.anonymous == "never"


@contextmanager
def haproxy(gateways: list[Server]) -> Iterator[str]:
    found = listen("127.0.0.1", 0)
    bind = f"127.0.0.1:{found.getsockname()[1]}"
    found.close()
    addresses = {f"PARLANCE_GATEWAY{n}": each.url.removeprefix("http://") for n, each in enumerate(gateways, 1)}
    command = ["haproxy", "-db", "-f", str(PROJECT / "docker" / "haproxy.cfg")]
    environment = os.environ | addresses | {"PARLANCE_BIND": bind}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait(lambda: _answers(f"http://{bind}/readyz"))
        yield f"http://{bind}"
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed: apt-get install haproxy")
def test_haproxy_balances_and_outlives_a_gateway(
    serve: Callable[..., Server], model_folder: Path, tmp_path: Path
) -> None:
    gateways = [serve(f"serving.model={model_folder}") for _ in range(2)]
    _, key = Keys(tmp_path).add("ada", requests_a_minute=10_000)
    headers = {"Authorization": f"Bearer {key}"}
    body: dict[str, Any] = {"model": "parlance-chat", "messages": [{"role": "user", "content": "x"}], "max_tokens": 3}
    with haproxy(gateways) as url:

        def ask(**more: Any) -> httpx.Response:
            return httpx.post(f"{url}/v1/chat/completions", json=body | more, timeout=60, headers=headers)

        unknown = httpx.post(f"{url}/v1/chat/completions", json=body)
        assert unknown.status_code == 401  # nobody is local who comes by a proxy
        assert httpx.get(f"{url}/metrics", headers=headers).status_code == 404
        assert ask(messages=[{"role": "user", "content": "x" * 1_100_000}]).status_code == 413
        assert ask(stream=True).text.endswith("data: [DONE]\n\n")
        assert {ask().status_code for _ in range(4)} == {200}
        asked = [each.app.state.metrics.requests.labels(200)._value.get() for each in gateways]
        assert min(asked) > 0
        gateways[0].close()
        time.sleep(0.1)
        assert {ask().status_code for _ in range(6)} == {200}
