"""What artifacts under a storage root tell: how long stages took, and how data changed on its way."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from configs.errors import UserError
from configs.flops import flops_per_token
from configs.model import Architecture
from configs.size import architecture_of
from pipeline.contract.artifact import Artifact, ArtifactStore
from pipeline.contract.pretrained import common_names
from pipeline.contract.stages import STAGES, conversations_into

NEWEST = 6
"""Artifacts of a stage that are looked at, the newest first."""

MEASURED = ("raw conversations", "conversations", "vectors", "packed tokens")
"""What artifacts hold from which rows, text and sizes are learned."""

FORWARD = 1 / 3
"""Share of a training step's FLOP that a forward pass takes: 2·N of 6·N."""


@dataclass(frozen=True)
class Measurement:
    """A stage took `seconds` for `units` of its work, in the unit that it had then."""

    stage: str
    units: float
    seconds: float
    started: str
    origin: str = "an earlier run"
    unit: str = ""


@dataclass(frozen=True)
class Shape:
    """What became of data: shares of rows kept by stage, bytes stored, sizes.

    stored: stage to bytes of data/ over bytes of the text in it. origin: where this was seen.
    """

    kept: dict[str, float] = field(default_factory=dict)
    stored: dict[str, float] = field(default_factory=dict)
    text_a_row: dict[str, float] = field(default_factory=dict)
    segments_a_row: float | None = None
    bytes_per_token: float | None = None
    bytes_a_packed_token: float | None = None
    waste: float | None = None
    vocabulary: int | None = None
    origin: str = ""


def measurements(root: Path) -> list[Measurement]:
    """One for each of the newest artifacts of every stage that took over no part; of a training also one of its start,
    without work."""
    found = []
    store = ArtifactStore(root)
    for stage, declared in STAGES.items():
        for artifact in store.newest(stage)[:NEWEST]:
            try:
                timing = artifact.manifest["timing"]
                if timing.get("parts", {}).get("taken_over"):  # which took no time
                    continue
                units = units_of(artifact, store)
                started, unit = str(timing["started"]), declared.work.unit
                found.append(Measurement(stage, units, float(timing["seconds"]), started, unit=unit))
                if declared.work.unit == "tflop":  # it knows how long its steps took, so the rest was its start
                    start = float(timing["seconds"]) - float(artifact.metrics["seconds"])
                    found.append(Measurement(stage, 0.0, start, started, unit=unit))
            except (UserError, OSError, KeyError, ValueError):  # damaged, or its inputs were deleted
                continue
    return found


def units_of(artifact: Artifact, store: ArtifactStore) -> float:
    """What an artifact's stage worked on, in its unit of work. Raises KeyError when it cannot be known."""
    manifest = artifact.manifest
    unit = STAGES[manifest["stage"]].work.unit
    if unit == "none":
        return 0.0
    if unit == "text":
        before = conversations_into(manifest["stage"])
        if before == manifest["stage"]:
            return manifest["ledger"]["rows_out"] * text_a_row(artifact) / 1e6
        return manifest["ledger"]["rows_in"] * text_a_row(_above(artifact, before, store)) / 1e6
    if unit == "segments":
        return manifest["metrics"]["segments"] / 1e3
    if unit == "points":
        return manifest["metrics"]["points"] / 1e3
    if unit == "forward":
        return _evaluated(artifact, store)
    assert unit == "tflop", unit
    return _trained(artifact, store)


def shape(root: Path, sources: Iterable[str]) -> Shape | None:
    """What the newest run over the same sources did to them; None when there is none."""
    store, names = ArtifactStore(root), sorted(sources)
    acquired = [a for a in store.newest("acquire")[:50] if _names(a) == names]
    if not acquired:
        return None
    chain = {"acquire": acquired[0]}
    for stage in (n for n, s in STAGES.items() if n != "acquire" and s.holds in MEASURED):
        following = next((a for a in store.newest(stage)[:50] if _follows(a, chain)), None)
        if following:
            chain[stage] = following
    try:
        return _shape(chain)
    except (OSError, KeyError, ValueError):
        return None


def _shape(chain: dict[str, Artifact]) -> Shape:
    kept, stored, text = {}, {}, {}
    for stage, artifact in chain.items():
        ledger = artifact.ledger
        if STAGES[stage].resizes and ledger.rows_in:
            kept[stage] = ledger.rows_out / ledger.rows_in
        if STAGES[stage].conversations and ledger.rows_out:
            text[stage] = text_a_row(artifact)
            stored[stage] = data_bytes(artifact) / (ledger.rows_out * text[stage])
    corpus = conversations_into("tokenise")
    embed, tokenise, packed = (chain.get(s) for s in ("embed", "tokenise", corpus))
    more: dict[str, Any] = {}
    if embed:
        more["segments_a_row"] = embed.metrics["segments"] / max(1, embed.ledger.rows_in)
    if tokenise and packed:
        splits = tokenise.metrics["splits"].values()
        tokens = sum(s["tokens"] for s in splits)
        size = sum(f["bytes"] for f in tokenise.manifest["files"] if f["path"].startswith("packed/"))
        length = tokenise.manifest["config"]["tokenise"]["sequence_length"]
        room = sum(s["sequences"] for s in splits) * length
        more |= {
            "bytes_per_token": packed.ledger.rows_out * text[corpus] / tokens,
            "bytes_a_packed_token": size / room,
            "waste": 1 - tokens / room,
            "vocabulary": tokenise.metrics["vocabulary"],
        }
    started = chain["acquire"].manifest["timing"]["started"]
    return Shape(kept, stored, text, **more, origin=f"the run of {started[:10]} over the same sources")


def data_bytes(artifact: Artifact) -> int:
    """Bytes of the artifact's data/."""
    return sum(f["bytes"] for f in artifact.manifest["files"] if f["path"].startswith("data/"))


@lru_cache(maxsize=256)
def text_a_row(artifact: Artifact) -> float:
    """Mean UTF-8 bytes of a conversation's messages, from the artifact's first file, a sample by hash.

    Raises KeyError for an artifact without conversations.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    parts = sorted(artifact.parquet().glob("*.parquet"))
    if not parts:
        raise KeyError("messages")
    try:
        messages = pq.read_table(parts[0], columns=["messages"])["messages"].combine_chunks()
    except (OSError, ValueError) as error:
        raise KeyError("messages") from error  # damaged, which is for the stages that read it to say
    content = messages.flatten().field("content")
    return (pc.sum(pc.binary_length(content)).as_py() or 0) / max(1, len(messages))


def _names(artifact: Artifact) -> list[str]:
    return sorted(s["name"] for s in artifact.manifest["config"]["acquire"]["sources"])


def _follows(artifact: Artifact, chain: dict[str, Artifact]) -> bool:
    """Whether the artifact was made from those of the chain."""
    inputs = artifact.manifest["inputs"]
    return all(inputs[s] == a.path.name for s, a in chain.items() if s in inputs) and bool(set(inputs) & set(chain))


def _input(artifact: Artifact, stage: str, store: ArtifactStore) -> Artifact:
    found = store.at(stage, artifact.manifest["inputs"][stage])
    if not found.sealed:
        raise KeyError(stage)
    return found


def _above(artifact: Artifact, stage: str, store: ArtifactStore) -> Artifact:
    """The artifact of a stage from which another was made, however far above. Raises KeyError without one."""
    inputs = [name for name in artifact.manifest["inputs"] if name in STAGES]
    if stage in inputs:
        return _input(artifact, stage, store)
    for name in inputs:
        with suppress(KeyError):
            return _above(_input(artifact, name, store), stage, store)
    raise KeyError(stage)


def _trained(artifact: Artifact, store: ArtifactStore) -> float:
    """10^12 FLOP of a training: its tokens, and its validations' forward passes. Raises KeyError for a resumed one."""
    metrics, config = artifact.metrics, artifact.manifest["config"]
    if artifact.manifest["timing"]["seconds"] < metrics["seconds"]:
        raise KeyError("seconds")  # went on from a checkpoint: the last attempt's time is not the whole
    tokenise = _input(artifact, "tokenise", store)
    length = tokenise.manifest["config"]["tokenise"]["sequence_length"]
    held_out = tokenise.metrics["splits"]["validation"]["sequences"]
    validations = metrics["steps"] // config["train"]["validation_every"]
    forward = validations * min(config["train"]["validation_sequences"], held_out) * length * FORWARD
    flops = flops_per_token(_architecture(artifact), length, frozen=bool(config["model"].get("lora")))
    return flops * (metrics["tokens"] + forward) / 1e12


def _architecture(train: Artifact) -> Architecture:
    """Of the model that was trained, pretrained ones included. Raises KeyError when its folder does not say."""
    try:
        return architecture_of(SimpleNamespace(**common_names(train.json("model/config.json"))))
    except AttributeError as error:
        raise KeyError("model") from error


def _evaluated(artifact: Artifact, store: ArtifactStore) -> float:
    """10^12 FLOP of the tokens that an evaluation read or wrote. Raises KeyError where there was nothing to evaluate,
    and for the base, whose manifest names its weights only."""
    if not artifact.ledger.rows_out:
        raise KeyError("conversations")
    tokenise = _input(artifact, "tokenise", store)
    config = artifact.manifest["config"]["evaluate"]
    read = tokenise.metrics["splits"]["test"]["tokens"]
    length = tokenise.manifest["config"]["tokenise"]["sequence_length"]
    a_token = flops_per_token(_architecture(_input(artifact, "train", store)), length) * FORWARD
    return (read + config["generations"] * config["max_new_tokens"]) * a_token / 1e12


def load_calibration(root: Path) -> dict[str, Any] | None:
    """What `parlance plan --calibrate` left under the root; None when it never ran, or was cut short."""
    path = root / "calibration.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
