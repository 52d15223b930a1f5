"""`parlance cluster kubernetes` writes a JobSet that holds to the published types, and scripts that bash takes."""

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubeflow_trainer_api.models.jobset_v1alpha2_job_set import JobsetV1alpha2JobSet

from configs.errors import RESTART
from pipeline.cli import main
from pipeline.contract.notice import notice_of
from pipeline.planning.kubernetes import JobSet


def job(nodes: int = 2, run_id: str = "chat", root: str = "/data/var") -> JobSet:
    run = ["--root", root, "--run-id", run_id]
    return JobSet(run, run_id, Path(root), "registry.example/parlance:1", "parlance", nodes, 8, "nvidia.com/gpu", 120)


def known(manifest: dict[str, Any]) -> dict[str, Any]:
    """What the types of JobSet, Job and Pod hold of it; raises for a value of another type."""
    found = JobsetV1alpha2JobSet.from_dict(manifest)
    assert found is not None
    return found.to_dict()


def scripts(manifest: dict[str, Any]) -> dict[str, str]:
    """Job to what its container's shell is given."""
    jobs = manifest["spec"]["replicatedJobs"]
    return {j["name"]: j["template"]["spec"]["template"]["spec"]["containers"][0]["command"][2] for j in jobs}


@pytest.mark.parametrize("nodes", [1, 2, 4])
def test_every_field_is_one_that_the_published_types_have(nodes: int) -> None:
    assert known(job(nodes).manifest()) == job(nodes).manifest()


def test_pods_that_run_sshd_are_roots() -> None:
    """The image's own user may not start it, nor read /root/.ssh."""
    for replicated in job().manifest()["spec"]["replicatedJobs"]:
        assert replicated["template"]["spec"]["template"]["spec"]["securityContext"] == {"runAsUser": 0}


def test_a_field_that_they_lack_would_be_seen() -> None:
    manifest = job().manifest()
    spec = manifest["spec"]["replicatedJobs"][0]["template"]["spec"]
    spec["paralelism"] = spec.pop("parallelism")
    assert known(manifest) != manifest
    spec["parallelism"] = "one"
    with pytest.raises(ValueError, match="parallelism"):
        known(manifest)


@pytest.mark.parametrize("nodes", [1, 3])
def test_the_leader_starts_the_run_on_the_names_that_jobset_gives_the_pods(nodes: int, tmp_path: Path) -> None:
    root = tmp_path / "it's"
    root.mkdir()
    manifest = job(nodes, root=str(root)).manifest()
    script = scripts(manifest)["leader"].replace("mkdir -p /run/sshd && /usr/sbin/sshd -e", "true")
    started = subprocess.check_output(["bash", "-euc", script.replace("exec parlance", "echo")], text=True)
    assert str(root) in started
    if nodes == 1:
        assert "launch.ranks=8" in started
        return
    others = [f"parlance-chat-hosts-0-{number}.parlance-chat slots=8" for number in range(nodes - 1)]
    expected = ["parlance-chat-leader-0-0.parlance-chat slots=8", *others]
    assert (root / "hostfile-chat").read_text().splitlines() == expected
    network, jobs = manifest["spec"]["network"], manifest["spec"]["replicatedJobs"]
    assert network["subdomain"] == manifest["metadata"]["name"] == "parlance-chat"
    assert [j["template"]["spec"]["completions"] for j in jobs] == [1, nodes - 1]


def test_a_host_that_is_told_to_go_tells_the_run(tmp_path: Path) -> None:
    notice = notice_of(tmp_path / "runs" / "chat")
    notice.parent.mkdir(parents=True)
    script = scripts(job(root=str(tmp_path)).manifest())["hosts"].replace(
        "mkdir -p /run/sshd && /usr/sbin/sshd -e", "echo listens"
    )
    host = subprocess.Popen(["bash", "-euc", script.replace("infinity", "1")], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    assert host.stdout.readline() == "listens\n"
    while not notice.exists():
        host.terminate()
        assert host.poll() is None, "stays while the ranks save"
    host.kill()
    host.communicate()


def test_what_ends_after_a_notice_starts_again_without_limit() -> None:
    spec = job().manifest()["spec"]
    (rule,) = spec["failurePolicy"]["rules"]
    assert rule["action"] == "RestartJobSetAndIgnoreMaxRestarts"
    for replicated in spec["replicatedJobs"]:
        exited, evicted = replicated["template"]["spec"]["podFailurePolicy"]["rules"]
        assert exited["onExitCodes"]["values"] == [RESTART]
        assert exited["onExitCodes"]["containerName"] == replicated["name"]
        assert exited["action"] == evicted["action"] == "FailJob"


@pytest.mark.parametrize("run_id", ["Chat_1", "manual__2026-01-02T03:04:05+00:00", "x" * 90])
def test_names_are_ones_that_kubernetes_allows(run_id: str) -> None:
    longest = max(host.split(".")[0] for host in job(1000, run_id).hosts)
    assert len(longest) <= 63 - len("-abcde")
    assert shlex.quote(job(1, run_id).name) == job(1, run_id).name == job(1, run_id).name.lower()


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["cluster", "kubernetes", "--root", "/data/var", "--run-id", "chat"]
    assert main([*command, "--image", "registry.example/parlance:1", "--nodes", "2"]) == 0
    assert known(yaml.safe_load(capsys.readouterr().out))["kind"] == "JobSet"
    assert main(command) == 2
    assert "--image: kubernetes needs an image" in capsys.readouterr().err
