"""What a training run will do, settled before any rank starts. Imports no torch."""

from pathlib import Path

from pydantic import Field

from configs.deepspeed import deciding
from configs.errors import UserError
from configs.hostfile import world_size
from configs.load import load_architecture
from configs.model import Architecture, Lora
from configs.profile import Profile
from configs.section import Section
from configs.train import Launch, Train
from pipeline.contract.fingerprint import FileHashes, canonical_json
from pipeline.contract.pretrained import check_positions, pretrained_values
from pipeline.contract.raw_inputs import pretrained


class JobConfig(Section):
    """All that a rank needs to know; written as JSON and read by training/worker.py."""

    train: Train = Field(description="Optimisation")
    launch: Launch = Field(description="Ranks")
    seed: int = Field(ge=0, description="Seed of initial weights and of the order of data")
    architecture: Architecture | None = Field(description="Architecture; empty with pretrained weights")
    pretrained: str | None = Field(description="Folder or hub name of initial weights")
    lora: Lora | None = Field(None, description="Adapters; empty trains all weights")
    new_tokens: tuple[int, ...] = Field(
        (), description="Ids of tokens that the pretrained tokenizer lacks; with adapters, their rows are trained too"
    )
    vocabulary: int = Field(ge=1, description="Tokens of the tokenizer")
    sequence_length: int = Field(ge=1, description="Longest conversation (tokens)")
    mix: dict[str, float] = Field(
        default_factory=dict, description="Source to the weight of its learned tokens; empty takes all as they come"
    )
    world_size: int = Field(ge=1, description="Ranks on all machines")
    tokenizer: Path = Field(description="Folder of the tokenizer")
    sequences: Path = Field(description="Folder of the Arrow files, train/ and validation/")
    tokenised: Path = Field(Path("."), description="Artifact that they come from, which tells whose rows they are")
    out: Path = Field(description="Folder that model/ and the metrics are written to")
    checkpoints: Path = Field(description="Folder of checkpoints and best weights, deleted after the commit")
    traces: Path = Field(Path("."), description="Folder of the profiler's traces")

    @property
    def packed_length(self) -> int:
        """Tokens of a sequence that is trained on."""
        return self.train.sides * self.sequence_length

    @property
    def batch_sequences(self) -> int:
        """Sequences in a global batch."""
        return self.train.batch_tokens // self.packed_length

    @property
    def micro_batch(self) -> int:
        """Sequences that a rank holds at once."""
        assert isinstance(self.launch.micro_batch, int), "auto is replaced before there is a job"
        return self.launch.micro_batch

    @property
    def data_ranks(self) -> int:
        """Ranks, or groups of ranks that share each sequence, that have sequences of their own."""
        return self.world_size // self.launch.sequence_parallel

    @property
    def accumulation(self) -> int:
        """Micro-batches that a rank accumulates in a step."""
        return self.batch_sequences // (self.data_ranks * self.micro_batch)


def raw_inputs(profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """The pretrained weights' files, or the architecture that is trained from scratch; what DeepSpeed is told; which
    batches may be left out.

    With dropout also how the batch is divided: what is left out is drawn by rank and micro-batch (training/step.py).
    """
    if profile.model.pretrained:
        found = pretrained(profile, hashes)
    else:
        found = {"model": canonical_json(load_architecture(profile.model.name).model_dump(mode="json"))}
    launch, lora = profile.launch, profile.model.lora
    if passed_on := deciding(launch.deepspeed):
        found["launch.deepspeed"] = canonical_json(passed_on)
    if launch.spikes.policy != "stop":
        found["launch.spikes"] = canonical_json(launch.spikes.model_dump(mode="json"))
    if profile.train.dropout or (lora and lora.dropout):
        shared = [launch.sequence_parallel] if launch.sequence_parallel > 1 else []
        parts = [launch.hostfile or launch.ranks, launch.micro_batch, launch.layers, *shared]
        found["launch"] = canonical_json(parts)
    return found


def check(profile: Profile) -> None:
    """Raises UserError for settings that cannot train together, naming the keys and what would fit."""
    length, train, launch = profile.tokenise.sequence_length, profile.train, profile.launch
    ranks = data_ranks(profile)
    micro_batch = 1 if launch.micro_batch == "auto" else launch.micro_batch
    unit = ranks * micro_batch * train.sides * length
    if train.batch_tokens % unit:
        nearest = max(1, round(train.batch_tokens / unit)) * unit
        sides, two = (" × sides of a pair", " × 2") if train.prefers else ("", "")
        fitting = fitting_micro_batches(train.batch_tokens, ranks * train.sides * length, micro_batch)
        remedy = f"set launch.micro_batch={fitting[-1]}, which changes nothing else, or" if fitting else "set"
        raise UserError(
            f"train.batch_tokens: {train.batch_tokens} is not divisible by ranks × launch.micro_batch{sides} × "
            f"tokenise.sequence_length = {ranks} × {micro_batch}{two} × {length} = {unit}; "
            f"{remedy} train.batch_tokens={nearest}, or another number of ranks"
        )
    if launch.profiled and launch.profiled[1] > train.steps:
        raise UserError(f"launch.profile_steps: {launch.profile_steps} ends after train.steps ({train.steps})")
    if profile.model.pretrained:
        if Path(profile.model.pretrained, "config.json").is_file():  # of others train asks once the stage has begun
            check_positions(profile.model.pretrained, pretrained_values(profile.model.pretrained), length)
        return
    architecture = load_architecture(profile.model.name)
    check_heads(architecture, launch.sequence_parallel, profile.model.name)
    if length > architecture.max_position_embeddings:
        raise UserError(
            f"tokenise.sequence_length: {length} exceeds max_position_embeddings "
            f"({architecture.max_position_embeddings}) of model {profile.model.name}; lower it"
        )
    if profile.tokenise.tokenizer == "train":
        check_vocabulary(architecture, profile.tokenise.vocabulary, profile.model.name)


def data_ranks(profile: Profile) -> int:
    """Groups of ranks that have sequences of their own. Raises UserError for ranks that cannot share sequences."""
    ranks, shared = world_size(profile.launch), profile.launch.sequence_parallel
    length = profile.tokenise.sequence_length
    if shared > 1 and profile.train.prefers:
        raise UserError("launch.sequence_parallel: pairs are not shared by ranks; set 1, or train.objective=sft")
    for what, number in (("ranks", ranks), ("tokenise.sequence_length", length)):
        if number % shared:
            raise UserError(f"launch.sequence_parallel: {shared} does not divide the {number} of {what}")
    return ranks // shared


def check_heads(architecture: Architecture, shared: int, name: str) -> None:
    """Raises UserError when the heads cannot be shared out among the ranks that share a sequence."""
    heads = architecture.num_key_value_heads
    if heads % shared or architecture.num_attention_heads % shared:
        raise UserError(
            f"launch.sequence_parallel: {shared} does not divide the {architecture.num_attention_heads} heads and "
            f"{heads} key and value heads of {name}"
        )


def fitting_micro_batches(batch_tokens: int, tokens: int, most: int) -> list[int]:
    """The micro-batches of up to `most` sequences that divide a global batch. tokens: of a sequence of each rank."""
    return [size for size in range(1, most + 1) if batch_tokens % (size * tokens) == 0]


def check_vocabulary(architecture: Architecture, vocabulary: int, name: str) -> None:
    """Raises UserError when the architecture fixes a vocabulary smaller than the tokenizer's."""
    if architecture.vocab_size is not None and architecture.vocab_size < vocabulary:
        raise UserError(
            f"model.name: {name} has vocab_size {architecture.vocab_size}, the tokenizer has {vocabulary} tokens; "
            f"lower tokenise.vocabulary or choose another model"
        )
