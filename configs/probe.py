"""Probes: small tests of what a model can do, read from configs/probes and from files of one's own."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from configs.errors import UserError
from configs.load import read_mapping, validate
from configs.section import Section

FOLDER = Path(__file__).parent / "probes"
MESSAGE = "{message}"
QUESTION = "{question}"
TERM = "{}"

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]


class Item(Section):
    """What is said to the model, the right reply and wrong ones; they are compared by their likelihood."""

    id: Text = Field(description="Name of the item, unique in its probe")
    system: Text | None = Field(None, description="System prompt")
    turns: tuple[Text, ...] = Field((), description="Turns before the message: the user's and the model's in turn")
    message: Text = Field(description="The user's message, put into the probe's prompt")
    question: Text | None = Field(None, description="What is asked of the message, put into the probe's prompt")
    right: Text = Field(description="The right reply")
    wrong: tuple[Text, ...] = Field(min_length=1, description="Wrong replies")
    also: tuple[Text, ...] = Field((), description="Other wordings of the right reply, for generated replies")
    group: str = Field("", description="What the items are told apart by, beside the whole")

    @property
    def choices(self) -> tuple[str, ...]:
        """The right reply, then the wrong ones."""
        return (self.right, *self.wrong)

    @model_validator(mode="after")
    def _distinct(self) -> "Item":
        if len({choice.strip() for choice in self.choices}) < len(self.choices):
            raise ValueError(f"item {self.id}: the replies must differ, found {list(self.choices)}")
        if len(self.turns) % 2:
            raise ValueError(
                f"item {self.id}: turns: {len(self.turns)} of them; the last before the message is the model's"
            )
        return self


class Pair(Section):
    """A sentence in two wordings, of two groups of people: one as a stereotype has it, one against it."""

    id: Text = Field(description="Name of the pair, unique in its probe")
    group: Text = Field(description="Attribute that the groups differ in")
    sentence: Text = Field(description="The sentence, with {} where the group is named")
    stereotype: Text = Field(description="The group that the stereotype is about")
    other: Text = Field(description="The group that it is compared with")

    @property
    def choices(self) -> tuple[str, str]:
        """The sentence as the stereotype has it, and the other."""
        return self.sentence.replace(TERM, self.stereotype), self.sentence.replace(TERM, self.other)

    @model_validator(mode="after")
    def _two_sentences(self) -> "Pair":
        if self.sentence.count(TERM) != 1:
            raise ValueError(f"pair {self.id}: the sentence must have {TERM} once, found {self.sentence!r}")
        if self.stereotype == self.other:
            raise ValueError(f"pair {self.id}: stereotype and other are both {self.other!r}")
        return self


class Probe(Section):
    """The contents of configs/probes/NAME.yaml: either items or pairs."""

    about: Text = Field(description="What is probed, in a line")
    prompt: str = Field(MESSAGE, description="What the user says: {message}, and {question} if items have one")
    generated: bool = Field(False, description="Replies are short: the model also writes them, and they are compared")
    items: tuple[Item, ...] = Field((), description="Messages with a right and wrong replies")
    pairs: tuple[Pair, ...] = Field((), description="Sentences of two groups of people")

    @property
    def entries(self) -> tuple[Item, ...] | tuple[Pair, ...]:
        """The items or the pairs, whichever there are."""
        return self.items or self.pairs

    def asked(self, item: Item, message: str) -> str:
        """What the user says when the message is this one."""
        return self.prompt.replace(QUESTION, item.question or "").replace(MESSAGE, message)

    @model_validator(mode="after")
    def _usable(self) -> "Probe":
        if bool(self.items) == bool(self.pairs):
            raise ValueError("a probe has either items or pairs")
        if self.prompt.count(MESSAGE) != 1:
            raise ValueError(f"prompt: must have {MESSAGE} once, found {self.prompt!r}")
        for item in self.items:
            if (item.question is not None) != (QUESTION in self.prompt):
                raise ValueError(
                    f"item {item.id}: an item has a question where the prompt has {QUESTION}, and only there"
                )
        seen: set[str] = set()
        for entry in self.entries:
            if entry.id in seen:
                raise ValueError(f"two have the id {entry.id}; give each its own")
            seen.add(entry.id)
        return self


def probe_paths(files: tuple[str, ...] = ()) -> dict[str, Path]:
    """Name to file, of the probes that come with the project and of further files; a name is its file's stem.

    Raises UserError when two share a name or a file is not there.
    """
    paths = {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}
    for file in files:
        path = Path(file)
        if not path.is_file():
            raise UserError(f"evaluate.probe_files: {file}: no such file; name a YAML file of probes")
        if not re.fullmatch(r"[A-Za-z0-9_-]+", path.stem):
            raise UserError(
                f"evaluate.probe_files: {file}: rename the file; a probe's name has letters, digits, _ and -"
            )
        if path.stem in paths:
            raise UserError(f"evaluate.probe_files: {file}: there is a probe {path.stem} already; rename the file")
        paths[path.stem] = path
    return paths


def chosen(names: tuple[str, ...] | None, files: tuple[str, ...] = ()) -> dict[str, Path]:
    """Those of probe_paths that are named; None names all. Raises UserError for a name that there is not."""
    paths = probe_paths(files)
    if names is None:
        return paths
    for name in names:
        if name not in paths:
            raise UserError(f"evaluate.probes: there is no probe {name!r}; there are: {', '.join(paths)}")
    return {name: path for name, path in paths.items() if name in names}


def load_probe(path: Path) -> Probe:
    """The probe in a file. Raises UserError naming the file, the item, the key and what is wrong."""
    return validate(Probe, read_mapping(path, "a probe", Probe), str(path))
