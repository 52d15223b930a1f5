"""Hosts of their own on this machine: network namespaces with an address, a host name and an sshd each.

They share this machine's files, as the machines of a cluster share storage.root. Needs root.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEEDED = ("ip", "unshare", "sshd", "ssh", "ssh-keygen", "pdsh")
NETWORK = "10.213.77"


def lacking() -> str:
    """Why there can be no hosts here; empty when there can."""
    if os.geteuid():
        return "only root can make network namespaces"
    if missing := [program for program in NEEDED if shutil.which(program) is None]:
        return f"not installed: {', '.join(missing)}"
    tried = subprocess.run(["unshare", "--net", "--uts", "--mount", "true"], capture_output=True, check=False)
    return f"the kernel refuses namespaces: {tried.stderr.decode().strip()}" if tried.returncode else ""


class Hosts:
    """names: by which ssh and pdsh reach them, with `path` first in PATH."""

    def __init__(self, names: list[str], path: Path) -> None:
        self.names, self.path = names, path

    def hostfile(self, file: Path, slots: int = 1) -> Path:
        file.write_text("".join(f"{name} slots={slots}\n" for name in self.names))
        return file

    def cut_off(self, name: str) -> None:
        """As when a cable is pulled: nobody is told."""
        _ip(f"link set {name} down")

    def back(self, name: str) -> None:
        _ip(f"link set {name} up")


@contextmanager
def hosts(count: int, folder: Path) -> Iterator[Hosts]:
    """So many hosts, until the end of the body. folder: for keys and configuration, short and readable by root only."""
    mark = f"{os.getpid() % 10_000}"
    bridge, names = f"pl{mark}b", [f"pl{mark}h{number}" for number in range(1, count + 1)]
    folder.mkdir(parents=True, exist_ok=True)
    _keys(folder)
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        _ip(f"link add {bridge} type bridge")
        _ip(f"address add {NETWORK}.254/24 dev {bridge}")
        _ip(f"link set {bridge} up")
        table = "127.0.0.1 localhost\n" + "".join(f"{NETWORK}.{n} {name}\n" for n, name in enumerate(names, 1))
        for number, name in enumerate(names, 1):
            etc = Path("/etc/netns") / name  # which `ip netns exec` lays over /etc
            etc.mkdir(parents=True, exist_ok=True)
            (etc / "hosts").write_text(table)
            _ip(f"netns add {name}")
            _ip(f"link add {name} type veth peer name eth0 netns {name}")
            _ip(f"link set {name} master {bridge} up")
            _ip(f"-n {name} address add {NETWORK}.{number}/24 dev eth0")
            _ip(f"-n {name} link set eth0 up")
            _ip(f"-n {name} link set lo up")
            daemons.append(_daemon(name, folder))
        yield Hosts(names, _programs(folder, names))
    finally:
        for daemon in daemons:
            daemon.terminate()
        for name in names:
            for process in _output(f"netns pids {name}").split():
                subprocess.run(["kill", "-9", process], stderr=subprocess.DEVNULL, check=False)
            subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL, check=False)
            shutil.rmtree(Path("/etc/netns") / name, ignore_errors=True)
        subprocess.run(["ip", "link", "delete", bridge], stderr=subprocess.DEVNULL, check=False)


def _keys(folder: Path) -> None:
    for kind in ("host", "login"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / kind)], check=True)
    (folder / "authorized").write_bytes((folder / "login.pub").read_bytes())
    settings = {
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized",
        "PidFile": "none",
        "StrictModes": "no",
        "PermitRootLogin": "yes",
        "UsePAM": "no",
        "UseDNS": "no",
    }
    (folder / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))


def _daemon(name: str, folder: Path) -> subprocess.Popen[bytes]:
    """sshd of one host, which knows itself by its name."""
    Path("/run/sshd").mkdir(exist_ok=True)
    sshd = f"hostname {name} && exec {shutil.which('sshd')} -D -e -f {folder / 'sshd_config'}"
    command = ["ip", "netns", "exec", name, "unshare", "--uts", "sh", "-c", sshd]
    return subprocess.Popen(command, stderr=(folder / f"{name}.log").open("wb"))


def _programs(folder: Path, names: list[str]) -> Path:
    """A folder for PATH whose ssh knows these hosts and their key."""
    lines = "".join(f"Host {name}\n  HostName {NETWORK}.{number}\n" for number, name in enumerate(names, 1))
    common = f"Host *\n  IdentityFile {folder / 'login'}\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n"
    (folder / "ssh_config").write_text(f"{lines}{common}  LogLevel ERROR\n")
    programs = folder / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder / "ssh_config"} "$@"\n')
    (programs / "ssh").chmod(0o755)
    return programs


def _ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)


def _output(words: str) -> str:
    return subprocess.run(["ip", *words.split()], capture_output=True, text=True, check=False).stdout
