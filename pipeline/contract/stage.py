"""What a stage declares: its entry, its version, what it reads and which settings decide its output."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from configs.profile import Profile
from pipeline.contract.fingerprint import FileHashes


@dataclass(frozen=True)
class Stage:
    """The declaration of a stage.

    name: its artifact's folder. task: the DAG's task that runs it (default: the name).
    version: raised whenever the code changes what comes out.
    config: dotted keys of the profile that decide the output; they enter the fingerprint.
    settings: dotted keys that the stage may read but that do not change the output.
    inputs: stages whose artifacts it reads.
    raw: module:function of (profile, hashes), label to hash of what it reads besides artifacts; imports no engine.
    check: a function that refuses a profile before anything starts; imports no engine.
    resumable: what a killed attempt left in the partial folder is kept for the next one.
    """

    name: str
    entry: str
    task: str = ""
    version: str = "1"
    inputs: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    engine: Literal["python", "spark", "deepspeed"] = "python"
    raw: str = ""
    check: str = ""
    resumable: bool = False

    def __post_init__(self) -> None:
        if not self.task:
            object.__setattr__(self, "task", self.name)

    def load(self) -> Callable[..., None]:
        """The stage's function. Imports its engine."""
        return _function(self.entry)

    def raw_inputs(self, profile: Profile, hashes: FileHashes) -> dict[str, str]:
        """Label to content hash (or exact version) of everything raw that the stage reads.

        Raises UserError when something is missing or cannot be read.
        """
        return _function(self.raw)(profile, hashes) if self.raw else {}

    def refuse(self, profile: Profile) -> None:
        """Raises UserError when the stage could not run with this profile."""
        if self.check:
            _function(self.check)(profile)


def _function(entry: str) -> Callable[..., Any]:
    module, _, function = entry.partition(":")
    return getattr(importlib.import_module(module), function)


def lookup(profile: Profile, key: str) -> Any:
    """The value at a dotted key of a profile."""
    value: Any = profile
    for part in key.split("."):
        value = getattr(value, part)
    return value


def config_slice(stage: Stage, profile: Profile) -> dict[str, Any]:
    """What of the profile decides the stage's output, as JSON values."""
    values = {key: _plain(lookup(profile, key)) for key in stage.config}
    for source in values.get("acquire", {}).get("sources", []):
        source.pop("path")  # contents are hashed as inputs; where they lie does not matter
    return values


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
