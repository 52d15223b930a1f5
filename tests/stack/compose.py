"""What docker-compose.yml and docker/Dockerfile say, as a container engine reads it."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]
FILE = PROJECT / "docker-compose.yml"
DOCKERFILE = PROJECT / "docker" / "Dockerfile"

VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\})")


@dataclass(frozen=True)
class Service:
    """One service. mounts: path in the container to the volume's name or the file in the project."""

    name: str
    image: str
    command: list[str]
    environment: dict[str, str]
    health: list[str]
    depends_on: dict[str, str]
    ports: list[int]
    mounts: dict[str, str]
    secrets: list[str]
    replicas: int
    restart: str
    profiles: list[str]


def services(values: Mapping[str, str]) -> dict[str, Service]:
    """All services by name. values: of the variables that the file asks for."""
    document = _interpolated(yaml.safe_load(FILE.read_text(encoding="utf-8")), values)
    return {name: _service(name, said) for name, said in document["services"].items()}


def image_environment() -> dict[str, str]:
    """What ENV of the Dockerfile sets."""
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.removeprefix("ENV ") for line in text.splitlines() if line.startswith("ENV ")]
    return dict(pair.split("=", 1) for line in lines for pair in shlex.split(line))


def _service(name: str, said: dict[str, Any]) -> Service:
    command = said.get("command", [])
    return Service(
        name=name,
        image=said["image"],
        command=shlex.split(command) if isinstance(command, str) else command,
        environment={key: str(value) for key, value in said.get("environment", {}).items()},
        health=_test(said.get("healthcheck", {}).get("test", [])),
        depends_on={other: wanted["condition"] for other, wanted in said.get("depends_on", {}).items()},
        ports=[int(port) for port in said.get("expose", [])],
        mounts={target: source for source, target in (volume.split(":")[:2] for volume in said.get("volumes", []))},
        secrets=said.get("secrets", []),
        replicas=said.get("deploy", {}).get("replicas", 1),
        restart=said.get("restart", "no"),
        profiles=said.get("profiles", []),
    )


def _test(said: list[str]) -> list[str]:
    """The command of a health check."""
    if said[:1] == ["CMD-SHELL"]:
        return ["sh", "-c", said[1]]
    return said[1:]


def _interpolated(node: Any, values: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _interpolated(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_interpolated(value, values) for value in node]
    return VARIABLE.sub(lambda found: _value(found, values), node) if isinstance(node, str) else node


def _value(found: re.Match[str], values: Mapping[str, str]) -> str:
    """`$$` is a dollar; `${NAME:-default}` and `${NAME:?error}` take an empty value for none."""
    name = found["name"]
    if name is None:
        return "$"
    value = values.get(name, "")
    if not value and found["kind"] == "?":
        raise KeyError(f"{name}: {found['rest']}")
    return value or (found["rest"] or "" if found["kind"] == "-" else "")
