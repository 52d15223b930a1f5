"""The JobSet by which Kubernetes starts a run on several machines, and again after an eviction.

One pod, the leader, runs `parlance run`, and reaches the others, which run sshd, by the names that JobSet gives them
(jobset.x-k8s.io/v1alpha2, network.enableDNSHostnames).
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.errors import RESTART
from pipeline.contract.notice import notice_of
from pipeline.contract.run_folder import folder_name

RESTARTS = 3
"""After faults; after a notice there is no limit."""

KEYS = "parlance-ssh"
"""The Secret that becomes /root/.ssh: id_ed25519, authorized_keys and config."""

LONGEST = 40
"""Of a JobSet's name: with what is put behind it, a pod's is at most a DNS label of 63 (RFC 1123, section 2.1)."""

SSHD = "mkdir -p /run/sshd && /usr/sbin/sshd -e"
"""Comes back once it listens."""


@dataclass(frozen=True)
class JobSet:
    """run: arguments of `parlance run`, without where it trains. claim: PersistentVolumeClaim that is mounted at root.
    slots: ranks of each machine. resource: of which each rank takes one, as nvidia.com/gpu; empty: none. notice:
    seconds between SIGTERM and SIGKILL."""

    run: list[str]
    run_id: str
    root: Path
    image: str
    claim: str
    nodes: int
    slots: int
    resource: str
    notice: int

    def manifest(self) -> dict[str, Any]:
        """What kubectl applies."""
        told = {"action": "RestartJobSetAndIgnoreMaxRestarts", "onJobFailureReasons": ["PodFailurePolicy"]}
        return {
            "apiVersion": "jobset.x-k8s.io/v1alpha2",
            "kind": "JobSet",
            "metadata": {"name": self.name},
            "spec": {
                "network": {"enableDNSHostnames": True, "subdomain": self.name, "publishNotReadyAddresses": True},
                "successPolicy": {"operator": "All", "targetReplicatedJobs": ["leader"]},
                "failurePolicy": {
                    "maxRestarts": RESTARTS,
                    "restartStrategy": "BlockingRecreate",  # or two leaders might have the run
                    "rules": [{"name": "notice", **told}],
                },
                "replicatedJobs": [
                    self._job("leader", 1, self._leader()),
                    *([self._job("hosts", self.nodes - 1, self._host())] if self.nodes > 1 else []),
                ],
            },
        }

    @property
    def name(self) -> str:
        """As Kubernetes allows it: small letters, digits and hyphens."""
        letters = re.sub("[^a-z0-9]", "-", folder_name(self.run_id).lower())
        return f"parlance-{letters}"[:LONGEST].strip("-")

    @property
    def hosts(self) -> list[str]:
        """The pods' names, the leader's first."""
        others = [f"{self.name}-hosts-0-{number}.{self.name}" for number in range(self.nodes - 1)]
        return [f"{self.name}-leader-0-0.{self.name}", *others]

    def _leader(self) -> str:
        """Among others it reaches its own ranks by ssh, too. `exec`: a container's first process gets SIGTERM."""
        if self.nodes == 1:
            return f"exec {shlex.join(['parlance', 'run', *self.run, '-o', f'launch.ranks={self.slots}'])}"
        hostfile = self.root / f"hostfile-{folder_name(self.run_id)}"
        lines = shlex.join(f"{host} slots={self.slots}" for host in self.hosts)
        command = ["parlance", "run", *self.run, "-o", f"launch.hostfile={hostfile}"]
        return f"{SSHD}\nprintf '%s\\n' {lines} > {shlex.quote(str(hostfile))}\nexec {shlex.join(command)}"

    def _host(self) -> str:
        """A host that is told to go passes it on by the file that the ranks watch, and stays while they save."""
        notice = notice_of(self.root / "runs" / folder_name(self.run_id))
        trap = shlex.quote(f"touch {shlex.quote(str(notice))}")
        return f"trap {trap} TERM\n{SSHD}\nwhile :; do sleep infinity & wait $! || :; done"

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
        if self.resource:
            container["resources"] = {"limits": {self.resource: self.slots}}
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
                            "securityContext": {"runAsUser": 0},  # sshd asks for it; the image's own user is another
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
