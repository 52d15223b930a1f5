"""What to read."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from pydantic import Field, field_validator, model_validator

from configs.addresses import refuse_credentials
from configs.section import Section

CONTAINERS = {
    "json_array": "JSON",
    "json_lines": "JSON Lines",
    "csv_rows": "CSV",
    "parquet_rows": "Parquet",
}
"""What files are read: a file of pipeline/acquire/containers/, and its format's name.

The last is tried first, the first takes what is left: a new one goes to the end.
"""

SHAPES = {
    "text": "transcripts",
    "columns": "tables with a question and an answer",
    "alpaca": "Alpaca",
    "messages": "messages",
    "pairs": "lists of exchanges",
    "sharegpt": "ShareGPT",
    "completion": "prompt and completion as turns",
    "preference": "preference pairs",
    "comparison": "two replies and a verdict",
    "tree": "ChatGPT's export",
}
"""What records are read: a file of pipeline/acquire/shapes/, and what people call it. Tried from the end too."""

PACKAGES = {"chitchat-dataset": "chitchat", "chatterbot-corpus": "chatterbot"}
"""Python packages that carry conversations, and the file of pipeline/acquire/shapes/ that reads each."""


def _either(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}"


FORMATS = _either(CONTAINERS.values())
Shape = Literal[("auto", *SHAPES)]  # type: ignore[valid-type]
Package = Literal[(*PACKAGES,)]  # type: ignore[valid-type]
Encoding = Literal["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1", "gb18030", "shift_jis"]


class Columns(Section):
    """Which columns of a table make up a conversation of two turns."""

    prompt: list[str] = Field(min_length=1, description="Columns joined by a blank line into the user's turn")
    reply: str = Field(description="Column with the assistant's turn; of a list the first element is taken")
    system: str | None = Field(None, description="Column with the system message")
    conversation_id: str | None = Field(None, description="Column that names the conversation")
    user_id: str | None = Field(None, description="Column that names the user, for deletion requests")


class Source(Section):
    """One place that conversations come from. Exactly one of path, hub and package is set."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="Name of the source in every report")
    path: str | None = Field(
        None,
        description=f"File or folder: {FORMATS}, also gzipped; or the address of either in an object store (s3://, "
        "gs://, abfs://, hdfs://), which is read as a stream",
    )
    hub: str | None = Field(None, description="Name of a data set on the Hugging Face hub")
    hub_config: str | None = Field(None, description="Configuration of the hub data set")
    split: str = Field("train", description="Split of the hub data set")
    package: Package | None = Field(None, description="Python package that carries conversations")
    shape: Shape = Field(
        "auto",
        description=f"How a record holds its conversation: {_either(SHAPES.values())}; auto looks at the records",
    )
    encoding: Encoding | None = Field(
        None, description="Encoding of all files of the source; by default UTF-8, or UTF-16 and UTF-32 as a file shows"
    )
    reasoning: Literal["drop", "keep"] = Field(
        "drop", description="What a model thought before a reply: left out and counted, or kept as <think> … </think>"
    )
    columns: Columns | None = Field(None, description="Column mapping, for shape columns")
    limit: int | None = Field(None, ge=1, description="Read at most this many records, chosen by hash (records)")
    weight: float | None = Field(
        None,
        gt=0,
        description="Weight of its learned tokens in training, at every step, against the other sources' (1 where not "
        "given); where no source has one, each trains as large as it is",
    )
    licence: str | None = Field(None, description="Licence, for the model card")

    @field_validator("path")
    @classmethod
    def _without_credentials(cls, path: str | None) -> str | None:
        return path and refuse_credentials(path)

    @model_validator(mode="after")
    def _one_place(self) -> "Source":
        given = [k for k in ("path", "hub", "package") if getattr(self, k)]
        if len(given) != 1:
            raise ValueError(f"exactly one of path, hub and package must be set, found {given or 'none'}")
        if self.shape == "columns" and self.columns is None:
            raise ValueError("shape columns needs the key columns: {prompt: [...], reply: ...}")
        return self


class Acquire(Section):
    """The sources of a run."""

    sources: list[Source] = Field(min_length=1, description="Where conversations come from")

    @property
    def mix(self) -> dict[str, float]:
        """Source to weight, by name, when one of them has a weight; else empty."""
        if all(source.weight is None for source in self.sources):
            return {}
        return {source.name: source.weight or 1.0 for source in sorted(self.sources, key=lambda source: source.name)}

    @property
    def mixed_sources(self) -> list[str]:
        """The names alone."""
        return list(self.mix)

    @model_validator(mode="after")
    def _unique_names(self) -> "Acquire":
        twice = sorted(name for name, times in Counter(s.name for s in self.sources).items() if times > 1)
        if twice:
            raise ValueError(f"source names must be unique, found twice: {', '.join(twice)}")
        return self
