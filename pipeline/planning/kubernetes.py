"""The JobSet by which Kubernetes starts a run on several machines, and again after an eviction.

One pod, the leader, runs `parlance run`, and reaches the others, which run sshd, by the names that JobSet gives them
(jobset.x-k8s.io/v1alpha2, network.enableDNSHostnames).
"""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.errors import RESTART

RESTARTS = 3
"""After faults; after a notice there is no limit."""

KEYS = "parlance-ssh"
"""The Secret that holds id_ed25519, its .pub, and config for ssh."""


@dataclass(frozen=True)
class JobSet:
    """run: arguments of `parlance run`, without the hostfile. claim: PersistentVolumeClaim that is mounted at root.
    slots: ranks of each machine. gpus: of each machine; 0 asks for none. notice: seconds between SIGTERM and SIGKILL."""

    run: list[str]
    run_id: str
    root: Path
    image: str
    claim: str
    nodes: int
    slots: int
    gpus: int
    notice: int

    def manifest(self) -> dict[str, Any]:
        """What kubectl applies."""
        leaves = {"action": "RestartJobSetAndIgnoreMaxRestarts", "onJobFailureReasons": ["PodFailurePolicy"]}
        return {
            "apiVersion": "jobset.x-k8s.io/v1alpha2",
            "kind": "JobSet",
            "metadata": {"name": self.name},
            "spec": {
                "network": {"enableDNSHostnames": True, "subdomain": self.name, "publishNotReadyAddresses": True},
                "successPolicy": {"operator": "All", "targetReplicatedJobs": ["leader"]},
                "failurePolicy": {
                    "maxRestarts": RESTARTS,
                    "rules": [{**leaves, "name": "notice", "targetReplicatedJobs": ["leader"]}],
                },
                "replicatedJobs": [
                    self._job("leader", 1, self._leader()),
                    *([self._job("hosts", self.nodes - 1, "exec /usr/sbin/sshd -D -e")] if self.nodes > 1 else []),
                ],
            },
        }

    @property
    def name(self) -> str:
        """As Kubernetes allows it: small letters, digits and hyphens."""
        return "parlance-" + "".join(c if c.isalnum() else "-" for c in self.run_id.lower()).strip("-")

    @property
    def hosts(self) -> list[str]:
        """The pods' names, the leader's first."""
        others = [f"{self.name}-hosts-0-{number}.{self.name}" for number in range(self.nodes - 1)]
        return [f"{self.name}-leader-0-0.{self.name}", *others]

    def _leader(self) -> str:
        """The leader's ranks are reached by ssh, too. `exec`: SIGTERM goes to the first process of a container."""
        hostfile = self.root / f"hostfile-{self.run_id}"
        lines = " ".join(shlex.quote(f"{host} slots={self.slots}") for host in self.hosts)
        command = ["parlance", "run", *self.run, "-o", f"launch.hostfile={hostfile}"]
        return f"/usr/sbin/sshd -e\nprintf '%s\\n' {lines} > {shlex.quote(str(hostfile))}\nexec {shlex.join(command)}"

    def _job(self, name: str, pods: int, script: str) -> dict[str, Any]:
        container: dict[str, Any] = {
            "name": name,
            "image": self.image,
            "command": ["bash", "-euc", script],
            "volumeMounts": [
                {"name": "root", "mountPath": str(self.root)},
                {"name": "ssh", "mountPath": "/root/.ssh", "readOnly": True},
                {"name": "memory", "mountPath": "/dev/shm"},
            ],
        }
        if self.gpus:
            container["resources"] = {"limits": {"nvidia.com/gpu": self.gpus}}
        told = [
            {"action": "FailJob", "onExitCodes": {"containerName": name, "operator": "In", "values": [RESTART]}},
            {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        ]
        return {
            "name": name,
            "replicas": 1,
            "template": {
                "spec": {
                    "backoffLimit": 0,
                    "completionMode": "Indexed",
                    "completions": pods,
                    "parallelism": pods,
                    "podFailurePolicy": {"rules": told},
                    "template": {
                        "spec": {
                            "restartPolicy": "Never",
                            "terminationGracePeriodSeconds": self.notice,
                            "containers": [container],
                            "volumes": [
                                {"name": "root", "persistentVolumeClaim": {"claimName": self.claim}},
                                {"name": "ssh", "secret": {"secretName": KEYS, "defaultMode": 0o400}},
                                {"name": "memory", "emptyDir": {"medium": "Memory"}},
                            ],
                        }
                    },
                }
            },
        }
