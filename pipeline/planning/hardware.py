"""What is known about GPUs and about speeds: configs/rates.yaml, with the profile's corrections."""

import os
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

import yaml

from configs.errors import UserError
from configs.load import HERE
from configs.profile import Profile

RATES = HERE / "rates.yaml"


@dataclass(frozen=True)
class Gpu:
    """A GPU by its data sheet: bytes, dense bf16 FLOP/s, bytes a second; and the MFU that training reaches on it."""

    name: str
    memory: int
    flops: float
    bandwidth: float
    mfu: float
    mfu_measured: bool
    mfu_source: str


@dataclass(frozen=True)
class Machines:
    """Where a run takes place. gpu None: the ranks are CPU processes. cores: of all machines that prepare data."""

    gpu: Gpu | None
    ranks: int
    training_machines: int
    machines: int
    cores: int
    spark_scaling: float

    @property
    def local_cores(self) -> float:
        """Cores of one of the machines that prepare data."""
        return self.cores / self.machines

    @property
    def effective_cores(self) -> float:
        """Cores that prepare data, less what is lost between machines."""
        return self.cores * (self.spark_scaling if self.machines > 1 else 1.0)


@cache
def table() -> dict[str, Any]:
    """configs/rates.yaml."""
    return yaml.safe_load(RATES.read_text(encoding="utf-8"))


def gpu(name: str, key: str) -> Gpu:
    """The GPU of that name. Raises UserError, naming the key, for one that the table lacks."""
    known = table()["gpus"]
    if name not in known:
        close = get_close_matches(name.upper(), known, n=1, cutoff=0.3)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UserError(f"{key}: {name!r} is not a known GPU; {hint}configs/rates.yaml has: {', '.join(known)}")
    sheet, mfu = known[name], table()["mfu"][name]
    return Gpu(
        name,
        int(sheet["memory_gb"] * 1e9),
        sheet["bf16_tflops"] * 1e12,
        sheet["bandwidth_gb"] * 1e9,
        mfu["value"],
        mfu["measured"],
        mfu["source"],
    )


def machines_of(profile: Profile) -> Machines:
    """The machines that the profile names. Raises UserError for what contradicts itself."""
    hardware, launch = profile.plan.hardware, profile.launch
    found = gpu(hardware.gpu, "plan.hardware.gpu") if hardware.gpu else None
    if found is None and (hardware.gpus or profile.embedding.device.startswith("cuda")):
        why = "plan.hardware.gpus is set" if hardware.gpus else f"embedding.device is {profile.embedding.device}"
        raise UserError(f"plan.hardware.gpu: missing, and {why}; name one of: {', '.join(table()['gpus'])}")
    ranks = hardware.gpus or _ranks(profile)
    if hardware.training_machines > ranks:
        raise UserError(
            f"plan.hardware.training_machines: {hardware.training_machines} machines for {ranks} "
            f"{'GPUs' if found else 'ranks'}; lower it"
        )
    if found and hardware.gpus and launch.hostfile is None and hardware.gpus != launch.ranks:
        raise UserError(
            f"plan.hardware.gpus: {hardware.gpus}, but launch.ranks is {launch.ranks} and launch.hostfile is empty, so "
            f"the run would use {launch.ranks}; set launch.ranks, or a hostfile for several machines"
        )
    cores = (hardware.cores or os.cpu_count() or 1) * hardware.machines
    return Machines(
        found,
        ranks,
        hardware.training_machines,
        hardware.machines,
        cores,
        profile.plan.assumptions.spark_scaling,
    )


def _ranks(profile: Profile) -> int:
    from configs.hostfile import world_size

    try:
        return world_size(profile.launch)
    except UserError as error:
        raise UserError(f"plan.hardware.gpus: missing, and the hosts cannot be counted ({error})") from error
