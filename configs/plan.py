"""What `parlance plan` needs to know besides the run itself. Nothing here changes a result."""

from typing import Literal

from pydantic import Field

from configs.section import Section


class Hardware(Section):
    """The machines of a run."""

    gpu: str | None = Field(None, description="Name of a GPU in configs/rates.yaml; empty plans for CPU ranks")
    gpus: int | None = Field(None, ge=1, description="GPUs in all; empty takes launch.ranks and launch.hostfile")
    machines: int = Field(1, ge=1, description="Machines that prepare the data (Spark workers)")
    cores: int | None = Field(None, ge=1, description="CPU cores of each of them; empty takes this machine's")
    training_machines: int = Field(1, ge=1, description="Machines that hold the GPUs")


class Rows(Section):
    """What is to be expected of data that is not at hand."""

    count: int | None = Field(None, ge=1, description="Rows (conversations); empty counts the sources")
    bytes: float | None = Field(None, gt=0, description="Mean text of a row (UTF-8 bytes); empty samples the sources")
    bytes_per_token: float | None = Field(
        None, gt=0, description="Text of a token (bytes); empty takes an earlier run's, or a default by vocabulary"
    )


class Textbook(Section):
    """Inputs of the textbook estimate, where they differ from the profile's own."""

    seconds_a_row: float = Field(0.002106, gt=0, description="Preprocessing of one row on one machine (seconds)")
    machines: int | None = Field(None, ge=1, description="Machines that preprocess; empty takes plan.hardware.machines")
    parameters: int | None = Field(None, ge=1, description="Parameters; empty takes the architecture's")
    epochs: float | None = Field(None, gt=0, description="Passes over the rows; empty takes train.steps")
    time_steps: int = Field(1, ge=1, description="Time steps that a row counts for")
    tflops: float | None = Field(
        None, gt=0, description="Rate of one GPU (10^12 FLOP a second); empty takes half of its bf16 peak"
    )


class Assumptions(Section):
    """What training loses, and what replaces a rate that was not measured."""

    mfu: float | None = Field(
        None, gt=0, lt=1, description="Model FLOPs utilisation of one GPU; empty takes configs/rates.yaml"
    )
    scaling: float = Field(
        0.95, gt=0, le=1, description="Share of one GPU's speed that each keeps when all of them train together"
    )
    spark_scaling: float = Field(
        0.8, gt=0, le=1, description="Share of one core's speed that each keeps when all of them prepare data"
    )
    failures_a_gpu_day: float = Field(
        4.7e-4, ge=0, description="Interruptions of a GPU a day; 419 in 54 days of 16,384 GPUs for Llama 3 405B"
    )
    restart_minutes: float = Field(10.0, ge=0, description="From an interruption to training again (minutes)")
    disk_gb_a_second: float = Field(1.0, gt=0, description="Writing of checkpoints by one machine (GB a second)")


class Deployment(Section):
    """The load that the trained model is to serve."""

    daily_users: int = Field(1000, ge=1, description="People who use it on a day")
    requests_a_user: float = Field(10, gt=0, description="Requests of a user on a day")
    peak: float = Field(4.0, ge=1, description="Requests in the busiest minute over the mean of the day")
    prompt_tokens: int = Field(64, ge=1, description="Length of a user's message (tokens)")
    reply_tokens: int = Field(128, ge=1, description="Length of a reply (tokens)")
    context_tokens: int = Field(1024, ge=0, description="Earlier conversation kept in the prompt (tokens)")
    latency_seconds: float = Field(10.0, gt=0, description="Longest time until a reply is whole (seconds)")
    precision: Literal["fp32", "bf16", "int8", "int4"] = Field("bf16", description="Weights in memory")
    cache_precision: Literal["bf16", "fp8"] = Field("bf16", description="Key/value cache")
    gpu: str | None = Field(None, description="GPU that serves; empty takes plan.hardware.gpu")
    headroom: float = Field(0.3, ge=0, lt=1, description="Share of the throughput of each GPU that is kept in reserve")
    spares: int = Field(1, ge=0, description="GPUs that may fail without anyone noticing")
    bandwidth_share: float = Field(0.6, gt=0, le=1, description="Share of the peak memory bandwidth that decoding gets")
    prefill_mfu: float = Field(0.4, gt=0, lt=1, description="Share of the peak FLOP/s that reading a prompt gets")
    profile_bytes: int = Field(2048, ge=0, description="Stored about a user (bytes)")
    days_kept: int = Field(30, ge=0, description="Days that conversations are kept")


class Prices(Section):
    """Prices in one currency, yours to give: none are built in."""

    currency: str = Field("", max_length=8, description="Shown with every amount")
    machine_hour: float | None = Field(None, ge=0, description="One machine that prepares data, an hour")
    gpu_hour: float | None = Field(None, ge=0, description="One GPU, its share of the machine included, an hour")
    storage_gb_month: float | None = Field(None, ge=0, description="One GB stored for a month")


class StageRate(Section):
    """How long a stage takes, instead of what was measured."""

    start: float | None = Field(None, ge=0, description="Before the first unit is done (seconds)")
    core_seconds: float | None = Field(None, ge=0, description="A unit of the stage on one core (seconds)")


class Plan(Section):
    """Inputs of the estimate that the profile itself does not hold."""

    hardware: Hardware = Field(default_factory=Hardware, description="Machines and GPUs")
    rows: Rows = Field(default_factory=Rows, description="Data that is not at hand")
    textbook: Textbook = Field(default_factory=Textbook, description="The textbook's formula")
    assumptions: Assumptions = Field(default_factory=Assumptions, description="Efficiency, failures")
    deployment: Deployment = Field(default_factory=Deployment, description="Serving")
    prices: Prices = Field(default_factory=Prices, description="Prices")
    replicas: int | None = Field(None, ge=1, description="Copies of the vector store; empty takes vectors.replicas")
    rates: dict[str, StageRate] = Field(
        default_factory=dict, description="Stage to {start, core_seconds}, in place of what was measured"
    )
