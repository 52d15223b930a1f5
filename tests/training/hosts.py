"""Hosts of their own on this machine: network namespaces with an address, a host name and an sshd each.

They share this machine's files, as the machines of a cluster share storage.root. Needs root.
"""

import itertools
import os
import shutil
import string
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEEDED = ("ip", "nsenter", "unshare", "sshd", "ssh", "ssh-keygen", "pdsh")
NETWORK = f"10.213.{os.getpid() % 250}"
_LETTERS = itertools.cycle(string.ascii_lowercase)


def lacking() -> str:
    """Why there can be no hosts here; empty when there can."""
    if os.geteuid():
        return "only root can make network namespaces"
    if missing := [program for program in NEEDED if shutil.which(program) is None]:
        return f"not installed: {', '.join(missing)}; `make cluster-test` as root installs it"
    tried = subprocess.run(["unshare", "--net", "--uts", "--mount", "true"], capture_output=True, check=False)
    return f"the kernel refuses namespaces: {tried.stderr.decode().strip()}" if tried.returncode else ""


class Hosts:
    """folder: of keys, configuration and `bin`, with which first in PATH ssh and pdsh know the hosts by their names."""

    address = f"{NETWORK}.254"
    """This machine's, as the hosts see it."""

    def __init__(self, names: list[str], folder: Path) -> None:
        self.names, self.folder = names, folder

    @property
    def path(self) -> Path:
        return self.folder / "bin"

    @property
    def addresses(self) -> dict[str, str]:
        return {name: f"{NETWORK}.{number}" for number, name in enumerate(self.names, 1)}

    def start(self, name: str, script: str, log: Path) -> "subprocess.Popen[bytes]":
        """A shell's script on a host, which knows itself and the others by their names."""
        named = f"mount --bind {self.folder / 'table'} /etc/hosts && hostname {name} && {script}"
        command = ["nsenter", f"--net=/run/netns/{name}", "unshare", "--uts", "--mount", "sh", "-c", named]
        with log.open("wb") as file:
            return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)

    def hostfile(self, file: Path, slots: int = 1) -> Path:
        file.write_text("".join(f"{name} slots={slots}\n" for name in self.names))
        return file

    def stop(self, name: str) -> None:
        """Kills all that runs on a host."""
        for process in _output(f"netns pids {name}").split():
            subprocess.run(["kill", "-9", process], stderr=subprocess.DEVNULL, check=False)

    def cut_off(self, name: str) -> None:
        """As when a cable is pulled: nobody is told."""
        _ip(f"link set {name} down")

    def back(self, name: str) -> None:
        _ip(f"link set {name} up")


@contextmanager
def hosts(count: int, folder: Path, with_sshd: bool = True) -> Iterator[Hosts]:
    """So many hosts, until the end of the body. folder: for keys and configuration, short and readable by root only."""
    mark = f"{os.getpid() % 10_000}{next(_LETTERS)}"  # the interfaces of hosts that are gone stay for a while
    bridge, names = f"pl{mark}b", [f"pl{mark}h{number}" for number in range(1, count + 1)]
    folder.mkdir(parents=True, exist_ok=True)
    _keys(folder)
    found = Hosts(names, folder)
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        _ip(f"link add {bridge} type bridge")
        _ip(f"address add {found.address}/24 dev {bridge}")
        _ip(f"link set {bridge} up")
        lines = "".join(f"{address} {name}\n" for name, address in found.addresses.items())
        (folder / "table").write_text(f"127.0.0.1 localhost\n{lines}")
        _programs(found)
        Path("/run/sshd").mkdir(exist_ok=True)
        for name, address in found.addresses.items():
            _ip(f"netns add {name}")
            _ip(f"link add {name} type veth peer name eth0 netns {name}")
            _ip(f"link set {name} master {bridge} up")
            _ip(f"-n {name} address add {address}/24 dev eth0")
            _ip(f"-n {name} link set eth0 up")
            _ip(f"-n {name} link set lo up")
            sshd = f"exec {shutil.which('sshd')} -D -e -f {folder / 'sshd_config'}"
            if with_sshd:
                daemons.append(found.start(name, sshd, folder / f"{name}.log"))
        yield found
    finally:
        for daemon in daemons:
            daemon.terminate()
        for name in names:
            found.stop(name)
            subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL, check=False)
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


def _programs(of: Hosts) -> None:
    """An ssh that knows these hosts and their key."""
    folder = of.folder
    lines = "".join(f"Host {name}\n  HostName {address}\n" for name, address in of.addresses.items())
    common = f"Host *\n  IdentityFile {folder / 'login'}\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n"
    (folder / "ssh_config").write_text(f"{lines}{common}  LogLevel ERROR\n")
    of.path.mkdir()
    (of.path / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder / "ssh_config"} "$@"\n')
    (of.path / "ssh").chmod(0o755)


def _ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)


def _output(words: str) -> str:
    return subprocess.run(["ip", *words.split()], capture_output=True, text=True, check=False).stdout
