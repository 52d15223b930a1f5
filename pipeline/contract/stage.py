"""What a stage declares: all that the rest of the house knows of it, so that a new one is a folder and a row.

Whatever runs, plans, shows or explains stages asks their declarations, and none of them by name.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from configs.credentials import masked
from configs.profile import Profile
from pipeline.contract.fingerprint import FileHashes

Holds = Literal["figures", "raw conversations", "conversations", "vectors", "annotations", "packed tokens", "weights"]
"""What an artifact is, to whoever reads, counts or stores artifacts. Raw: personal data has not been replaced."""

Unit = Literal["none", "text", "segments", "points", "forward", "tflop"]
"""What a stage's time grows with: nothing, MB of conversation text that goes in, thousand segments, thousand vectors,
10^12 FLOP of forward passes, of training."""


@dataclass(frozen=True)
class Work:
    """What the plan and the scheduler reckon with.

    gpus: those that it uses where there are any. needs: key of the profile that, left empty, leaves it nothing to do.
    retries, hours: attempts after a failed one; longest time of one.
    """

    unit: Unit = "text"
    gpus: Literal["none", "one", "all"] = "none"
    needs: str = ""
    retries: int = 1
    hours: int = 24


@dataclass(frozen=True)
class Shown:
    """How a reader meets the stage: in the report, on the model card, from `parlance explain`.

    funnel: what the rows that pass are called; empty for a stage that keeps every row.
    part, facts: key of report.json, and the artifact's JSON file that it holds; without one, the part is computed.
    passed: what is said of a row in data/, a format of its columns and of `turns`, how many it has.
    lineage: module:function of (run, row), lines that tell more of a row; imports no engine.
    """

    funnel: str = ""
    part: str = ""
    facts: str = ""
    passed: str = "kept"
    lineage: str = ""


@dataclass(frozen=True)
class Stage:
    """The declaration of a stage.

    name: its artifact's folder. task: the DAG's task that runs it (default: the name).
    doc: what it does, a sentence or two.
    version: raised whenever the code changes what comes out.
    config: dotted keys of the profile that decide the output; they enter the fingerprint.
    settings: dotted keys that the stage may read but that do not change the output.
    inputs: stages whose artifacts it reads; its task runs after theirs.
    raw: module:function of (profile, hashes), label to hash of what it reads besides artifacts; imports no engine.
    held: module:function of a profile, a context in which nobody writes to what it reads raw; imports no engine.
    check: a function that refuses a profile before anything starts; imports no engine.
    resumable: what a killed attempt left in the partial folder is kept for the next one.
    asks: before it runs, a person may be asked; module:function of (run, what the task was told), the answer as a JSON
        object, None where nobody answered. What was decided enters the fingerprint (pipeline.contract.decisions).
    form: section of the trigger form to the keys of the profile that it offers there.
    """

    name: str
    entry: str
    task: str = ""
    doc: str = ""
    version: str = "1"
    inputs: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    engine: Literal["python", "spark", "deepspeed"] = "python"
    raw: str = ""
    held: str = ""
    check: str = ""
    resumable: bool = False
    asks: str = ""
    holds: Holds = "figures"
    work: Work = Work()
    shown: Shown = Shown()
    form: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.task:
            object.__setattr__(self, "task", self.name)

    @property
    def conversations(self) -> bool:
        """Whether its data/ are conversations."""
        return self.holds in ("raw conversations", "conversations")

    @property
    def resizes(self) -> bool:
        """Whether its data/ are conversations, but not all or only those that went in."""
        return self.conversations and bool(self.shown.funnel)

    def load(self) -> Callable[..., None]:
        """The stage's function. Imports its engine."""
        return _function(self.entry)

    def raw_inputs(self, profile: Profile, hashes: FileHashes) -> dict[str, str]:
        """Label to content hash (or exact version) of everything raw that the stage reads.

        Raises UserError when something is missing or cannot be read.
        """
        found = _function(self.raw)(profile, hashes) if self.raw else {}
        return {label: masked(text) for label, text in found.items()}

    def holding(self, profile: Profile) -> AbstractContextManager[None]:
        """In which writers that know of it leave alone what the stage reads raw."""
        return _function(self.held)(profile) if self.held else nullcontext()

    def answer(self) -> Callable[..., dict[str, Any] | None]:
        """The function of (run, what the task was told) that says what a person answered; None where nobody did."""
        return _function(self.asks) if self.asks else lambda run, given: None  # noqa: ARG005

    def refuse(self, profile: Profile) -> None:
        """Raises UserError when the stage could not run with this profile."""
        if self.check:
            _function(self.check)(profile)

    def lineage(self) -> Callable[..., Iterable[str]]:
        """The function of (run, row) whose lines tell more of a row than its data/ and dropped/; of most, none."""
        return _function(self.shown.lineage) if self.shown.lineage else lambda run, row: ()  # noqa: ARG005


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
    """What of the profile decides the stage's output, as JSON values. Credentials decide none, and stay out of it."""
    values = {key: _plain(lookup(profile, key)) for key in stage.config}
    for source in values.get("acquire", {}).get("sources", []):
        source.pop("path")  # contents are hashed as inputs; where they lie does not matter
        source.pop("weight")  # acquire reads all the same
    return masked(values)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
