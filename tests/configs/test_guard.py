"""A trigger sets what the guard file lists, and reads what lies under the folders that it lists; nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from configs.errors import UserError
from configs.guard import ADDRESSES, DATA, MODELS, OWNED, Guard, changes, load_guard, triggered_profile
from configs.load import load_profile
from configs.profile import Profile

Place = Callable[..., Path]

SECRET = "Zebra77 Quagga"
"""What must not come back from a file that nobody named a profile."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server: data/, models/ and profiles/ that its guard file lists, data2/ beside them that it does not."""
    for folder in ("data/inner", "data2", "models/small", "profiles", "root/runs/earlier"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("data", "data/inner", "data2"):
        (tmp_path / folder / "chats.jsonl").write_text("{}\n")
    (tmp_path / "profiles" / "ours.yaml").write_text(Path("configs/profiles/scratch.yaml").read_text())
    (tmp_path / "hosts.txt").write_text(f"password: {SECRET}\n")
    guard = {
        "keys": ["acquire.sources", "clean", "deduplicate", "train", "launch", "tokenise", "model", "review", "audit"],
        "profiles": [str(tmp_path / "profiles")],
        "data": [str(tmp_path / "data")],
        "models": [str(tmp_path / "models")],
        "hub": ["someone/*", "else/exact", "package:ours"],
        "largest": {"train.steps": 5000},
    }
    (tmp_path / "guard.yaml").write_text(yaml.safe_dump(guard))
    monkeypatch.setenv("PARLANCE_GUARD", str(tmp_path / "guard.yaml"))
    monkeypatch.delenv("PARLANCE_RETRAIN_PROFILE", raising=False)
    monkeypatch.delenv("PARLANCE_GRANTED", raising=False)
    return tmp_path


def change(place: Path, **more: Any) -> None:
    """Changes keys of the guard file."""
    values = yaml.safe_load((place / "guard.yaml").read_text())
    (place / "guard.yaml").write_text(yaml.safe_dump(values | more))


def triggered(place: Path, *settings: str, profile: str = "ours", data: str | None = None) -> Profile:
    return triggered_profile(profile, data, list(settings), [f"storage.root={place / 'root'}"])


def refusal(place: Path, *settings: str, **more: Any) -> str:
    """The line that refuses: one line, and nothing in it of a file that is no profile."""
    with pytest.raises(UserError) as refused:
        triggered(place, *settings, **more)
    assert "\n" not in str(refused.value)
    assert SECRET not in str(refused.value)
    return str(refused.value)


# Keys


def test_what_is_listed_is_set_and_the_rest_is_the_profiles(place: Path) -> None:
    profile = triggered(place, "train.steps=100", "clean.rules.languages=[en, de]", "launch.ranks=1")
    assert (profile.train.steps, profile.clean.rules.languages, profile.launch.ranks) == (100, ["en", "de"], 1)
    assert changes(load_profile("scratch", [f"storage.root={place / 'root'}"]), profile).keys() == {
        "train.steps",
        "clean.rules.languages",
        "launch.ranks",
    }


@pytest.mark.parametrize(
    "setting",
    [
        "spark.conf={spark.ui.enabled: 'true'}",
        "spark.conf.spark.driver.extraJavaOptions=-Dx=y",  # a mapping's key with dots is below the mapping
        "spark={conf: {spark.ui.enabled: 'true'}}",  # the section above it
        "spark={}",
        "launch.deepspeed={wall_clock_breakdown: true}",
        "launch.deepspeed.tensorboard={enabled: true}",
        "launch={deepspeed: {wall_clock_breakdown: true}}",  # listed, and brings what never is
        "launch.hostfile=/etc/hosts",
        "storage.root=/tmp",
        "storage={root: /tmp}",
        "vectors.url=http://127.0.0.1:9",
        "vectors={url: 'http://127.0.0.1:9'}",
        "vectors.batch_size=3",
        "tracking.uri=http://127.0.0.1:9",
        "tracking={uri: 'sqlite:////tmp/x.db'}",
        "embed.model=/etc",
        "approval.own_runs=true",
        "approval={own_runs: true}",
        "findings.max_topic_share=1",
        "description=another",
    ],
)
def test_what_is_not_listed_is_refused_with_its_key_and_who_can_set_it(place: Path, setting: str) -> None:
    said = refusal(place, setting)
    key = setting.partition("=")[0].split("={")[0]
    assert said.startswith((f"{key}: may not be set when a run is triggered", "launch.deepspeed: may not be set"))
    assert "owner" in said


@pytest.mark.parametrize(
    "setting",
    [
        "ſpark.conf={a: b}",  # a long s, which some compare as s
        "spark\u200b.conf={a: b}",
        "train.steps\u00a0=3",
        "train.\u0455teps=3",  # Cyrillic
        "trаin.steps=3",
        "train..steps=3",
        ".train.steps=3",
        "train.steps.=3",
        "acquire.sources.².limit=3",
        "=3",
        "train.steps",
        "Train.steps=3",
        "train/steps=3",
        "train\n.steps=3",
    ],
)
def test_a_key_that_only_looks_like_a_listed_one_is_none(place: Path, setting: str) -> None:
    refusal(place, setting)


def test_blanks_around_a_key_are_no_way_around(place: Path) -> None:
    assert refusal(place, "  storage.root =/tmp").startswith("storage.root: may not be set")
    assert triggered(place, " train.steps = 77").train.steps == 77


def test_a_listed_section_replaced_as_a_whole_takes_nothing_along_that_is_not(place: Path) -> None:
    (place / "profiles" / "ours.yaml").write_text(
        Path("configs/profiles/scratch.yaml").read_text() + "launch:\n  deepspeed: {wall_clock_breakdown: true}\n"
    )
    assert refusal(place, "launch={ranks: 1}").startswith("launch.deepspeed: may not be set")  # it would be emptied
    assert triggered(place, "launch.ranks=1").launch.deepspeed == {"wall_clock_breakdown": True}


def test_null_is_a_value_like_any_other(place: Path) -> None:
    assert triggered(place, "model.pretrained=null", "model.lora=").model.pretrained is None
    assert "spark.conf" in refusal(place, "spark.conf=null")


def test_what_no_profile_has_is_not_answered_with_advice_that_the_guard_would_refuse(place: Path) -> None:
    assert refusal(place, "conf={a: b}").startswith("conf: a profile has no such key (did you mean spark.conf?)")
    assert refusal(place, "nothing.like.it=1").startswith("nothing.like.it: a profile has no such key; keys are as in")
    assert refusal(place, "spark={conf: {a: b}}").endswith(
        "can allow it under keys in the guard file, but for spark.master and spark.conf"
    )
    assert "can allow it under keys" in refusal(place, "findings.min_group_rows=3")


@pytest.mark.parametrize("seed", [str(2**63), "1" + "0" * 400, "1.0e+400", "1e400", "-1"])
def test_a_seed_that_nothing_could_be_drawn_by_is_refused(place: Path, seed: str) -> None:
    change(place, keys=["seed"])
    assert refusal(place, f"seed={seed}").startswith("override seed: seed: ")
    assert triggered(place, f"seed={2**63 - 1}").seed == 2**63 - 1


def test_a_mapping_or_a_list_of_a_listed_key_may_be_changed_within(place: Path) -> None:
    profile = triggered(place, "acquire.sources.0.limit=25", "audit.topics.small talk=hello")
    assert (profile.acquire.sources[0].limit, profile.audit.topics["small talk"]) == (25, "hello")


def test_values_have_bounds_of_their_own(place: Path) -> None:
    assert refusal(place, "train.steps=5001").startswith("train.steps: 5,001 is above 5,000; the operator can raise it")
    assert triggered(place, "train.steps=5000").train.steps == 5000
    assert "at most 200" in refusal(place, *["train.steps=3"] * 201)
    assert "at most 10,000" in refusal(place, "clean.rules.languages=[" + "en," * 4000 + "]")


def test_the_last_of_two_settings_counts_for_the_check_too(place: Path) -> None:
    assert triggered(place, "train.steps=9999", "train.steps=40").train.steps == 40
    assert "9,999" in refusal(place, "train.steps=40", "train.steps=9999")


def test_the_review_becomes_stricter_and_never_laxer(place: Path) -> None:
    assert triggered(place, "review.mode=human", "review.max_severity=info").review.mode == "human"
    assert "only its owner" in refusal(place, "review.max_severity=critical")
    (place / "profiles" / "asks.yaml").write_text(
        Path("configs/profiles/scratch.yaml").read_text() + "review: {mode: human, max_severity: info}\n"
    )
    assert refusal(place, "review.mode=automatic", profile="asks").startswith("review.mode: the profile asks a human")
    assert "review.m" in refusal(place, "review={}", profile="asks")
    assert "review.max_severity" in refusal(place, "review.max_severity=warning", profile="asks")


# Paths


@pytest.mark.parametrize("data", ["data", "data/chats.jsonl", "data/inner", "data/inner/../chats.jsonl"])
def test_data_under_a_listed_folder_is_read(place: Path, data: str) -> None:
    assert triggered(place, data=str(place / data)).acquire.sources[0].name == "chats"


@pytest.mark.parametrize(
    "data",
    ["data2", "data2/chats.jsonl", "data/../data2", "data/../hosts.txt", "hosts.txt", "", "missing", "data/\0/x"],
)
def test_data_elsewhere_is_refused_whether_it_exists_or_not(place: Path, data: str) -> None:
    assert refusal(place, data=f"{place}/{data}").startswith("data: ")
    source = f"acquire.sources=[{{name: a, path: {json.dumps(f'{place}/{data}')}}}]"
    assert refusal(place, source).startswith(("acquire.sources: ", "override acquire.sources: "))


def test_a_path_that_no_system_can_look_at_is_refused_in_one_line(place: Path) -> None:
    long = f"{place}/data/{'a' * 5000}"
    assert "cannot be read (File name too long)" in refusal(place, data=long)
    assert "is not a profile that a trigger may choose" in refusal(place, profile=f"{place}/profiles/{'a' * 5000}.yaml")


def test_the_refusal_does_not_tell_whether_a_file_exists(place: Path) -> None:
    there, missing = refusal(place, data="/etc/hostname"), refusal(place, data="/etc/hostnamf")
    assert there.replace("hostname", "hostnamf") == missing


def test_a_relative_path_is_refused(place: Path) -> None:
    assert "not an absolute path" in refusal(place, data="data/chats.jsonl")


def test_links_count_by_where_they_lead(place: Path) -> None:
    (place / "data" / "out").symlink_to(place / "data2")
    (place / "data" / "in").symlink_to(place / "data" / "inner")
    (place / "shortcut").symlink_to(place / "data" / "inner")
    assert "is under no folder" in refusal(place, data=str(place / "data" / "out"))
    assert "is a link that leads out" in refusal(place, data=str(place / "data"))
    assert triggered(place, data=str(place / "shortcut")).acquire.sources
    (place / "data" / "out").unlink()
    assert triggered(place, data=str(place / "data")).acquire.sources
    (place / "data" / "inner" / "hosts.jsonl").symlink_to(place / "hosts.txt")
    assert "is a link that leads out" in refusal(place, data=str(place / "data"))


def test_a_listed_folder_may_itself_be_a_link(place: Path) -> None:
    (place / "mount").symlink_to(place / "data2")
    change(place, data=[str(place / "mount")])
    assert triggered(place, data=str(place / "data2" / "chats.jsonl")).acquire.sources


def test_the_number_of_files_has_a_bound(place: Path) -> None:
    change(place, files=1)
    assert "over 1 files" in refusal(place, data=str(place / "data"))


def test_sources_of_the_profile_are_its_owners_and_stay(place: Path) -> None:
    text = Path("configs/profiles/scratch.yaml").read_text()
    own = f"- {{name: chitchat, path: {place}/data2/chats.jsonl}}"
    (place / "profiles" / "ours.yaml").write_text(
        text.replace("- {name: chitchat, package: chitchat-dataset, licence: MIT}", own)
    )
    profile = triggered(place, "acquire.sources.0.limit=5", "acquire.sources.1.limit=5")
    assert profile.acquire.sources[0].path == f"{place}/data2/chats.jsonl"
    assert "acquire.sources" in refusal(place, f"acquire.sources.0.path={place}/hosts.txt")


def test_hub_data_sets_are_listed_by_name_or_owner(place: Path) -> None:
    for name in ("someone/data", "else/exact"):
        assert triggered(place, f"acquire.sources=[{{name: a, hub: {name}}}]").acquire.sources[0].hub == name
    for name in ("else/exact2", "someonelse/x", "someone", "someone/../../etc"):
        assert "hub in the guard file" in refusal(place, f"acquire.sources=[{{name: a, hub: {name}}}]")


@pytest.mark.parametrize("key", ["tokenise.tokenizer", "model.pretrained", "clean.translation.model"])
def test_models_are_folders_or_names_that_are_listed(place: Path, key: str) -> None:
    for good in (f"{place}/models/small", "someone/model", "package:ours"):
        triggered(place, f"{key}={good}")
    for bad in (
        f"{place}/data",
        f"{place}/models/../data2",
        "/etc",
        "other/model",
        "package:other",
        "../models",
        "~/x",
    ):
        assert refusal(place, f"{key}={bad}").startswith(f"{key}: ")


def test_architectures_are_names_not_paths(place: Path) -> None:
    from configs.load import load_architecture

    profile = triggered(place, "model.name=../profiles/demo")
    with pytest.raises(UserError, match="is not in configs/models"):
        load_architecture(profile.model.name)


def test_earlier_corpora_are_runs_or_listed_places(place: Path) -> None:
    assert triggered(place, "deduplicate.earlier=[earlier]").deduplicate.earlier == ["earlier"]
    assert triggered(place, f"deduplicate.evaluation_sets=['{place}/data/inner']").deduplicate.evaluation_sets
    for bad in ("../earlier", "/etc", f"{place}/data2", "unknown", ".."):
        assert "deduplicate.earlier" in refusal(place, f"deduplicate.earlier=['{bad}']")


# Addresses


def test_addresses_are_listed_letter_by_letter(place: Path) -> None:
    change(place, keys=["vectors.url", "tracking.uri"], addresses=["http://qdrant:6333", "https://mlflow"])
    assert triggered(place, "vectors.url=http://qdrant:6333").vectors.url == "http://qdrant:6333"
    assert triggered(place, "tracking.uri=https://mlflow").tracking.uri == "https://mlflow"
    for bad in (
        "http://qdrant:6334",
        "http://qdrant:6333/x",
        "http://qdrant:6333?a=b",
        "http://qdrant:6333.example.org",
        "http://QDRANT:6333",
        "https://qdrant:6333",
        "http://user:pass@qdrant:6333",
        "sqlite:////tmp/x.db",
        "/tmp/mlruns",
    ):
        said = refusal(place, f"tracking.uri={bad}")
        assert said.startswith("tracking.uri: ")
        assert "pass@" not in said
    assert "vectors.url" in refusal(place, "vectors.url=http://user:pass@qdrant:6333")


# Profiles


def test_a_profile_is_chosen_by_name_or_by_its_path_under_a_listed_folder(place: Path) -> None:
    assert triggered(place, profile="ours") == triggered(place, profile=str(place / "profiles" / "ours.yaml"))


@pytest.mark.parametrize(
    "name",
    [
        "/etc/hostname",
        "hosts.txt",
        "../hosts",
        "demo",
        "profiles/ours",
        "",
        ".",
        "ours\0",
        "link",
        "oυrs",
        "ours.yaml/",
    ],
)
def test_any_other_profile_is_refused_without_being_read(
    place: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "profiles" / "link.yaml").symlink_to(place / "hosts.txt")
    real, opened = Path.open, []
    monkeypatch.setattr(Path, "open", lambda self, *a, **k: opened.append(self) or real(self, *a, **k))  # type: ignore[func-returns-value]
    for profile in (name, str(place / name) if "\0" not in name else name):
        assert refusal(place, profile=profile).startswith("profile: ")
    assert set(opened) == {place / "guard.yaml"}


def test_a_file_in_the_profiles_folder_that_is_no_profile_is_not_quoted(place: Path) -> None:
    for text in (
        f"password: {SECRET}\n",
        f"- {SECRET}\n",
        f"{SECRET}\n",
        f"a: '{SECRET}\n",
        f"a: *{SECRET}\n",
        "a: [\n",
    ):
        (place / "profiles" / "notes.yaml").write_text(text)
        assert "notes.yaml: not " in refusal(place, profile="notes")


def test_the_profile_of_retraining_is_the_operators(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nightly = place / "nightly.yaml"
    nightly.write_text(Path("configs/profiles/scratch.yaml").read_text())
    assert "profile: " in refusal(place, profile=str(nightly))
    monkeypatch.setenv("PARLANCE_RETRAIN_PROFILE", str(nightly))
    assert triggered(place, profile=str(nightly)).seed == 20


# The file


def test_what_the_starters_own_command_line_says_is_let_through_to_the_letter(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ["spark.conf={spark.ui.enabled: 'false'}", f"data={place}/data2", "profile=one-gpu"]
    monkeypatch.setenv("PARLANCE_GRANTED", json.dumps(own))
    profile = triggered(place, own[0], profile="one-gpu", data=f"{place}/data2")
    assert profile.spark.conf == {"spark.ui.enabled": "false"}
    assert "spark.conf: " in refusal(place, "spark.conf={spark.ui.enabled: 'true'}")
    assert triggered(place, own[0], "train.steps=30").train.steps == 30
    assert "storage.root" in refusal(place, own[0], "storage.root=/tmp")


@pytest.mark.parametrize("key", OWNED)
def test_no_guard_file_hands_out_what_leads_to_code_files_or_machines(place: Path, key: str) -> None:
    change(place, keys=[key])
    assert f"guard.yaml: keys: {key}: " in refusal(place)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"keys": ["train.stepz"]}, "keys: train.stepz: a profile has no such key"),
        ({"largest": {"train.stepz": 3}}, "largest: train.stepz"),
        ({"kes": []}, "kes: unknown key; did you mean keys?"),
        ({"files": 0}, "files: "),
    ],
)
def test_a_wrong_guard_file_lets_nothing_through(place: Path, wrong: dict[str, Any], says: str) -> None:
    change(place, **wrong)
    assert says in refusal(place)


def test_a_guard_file_that_is_gone_lets_nothing_through(place: Path) -> None:
    (place / "guard.yaml").unlink()
    assert "guard.yaml: cannot be read" in refusal(place)


def test_the_file_that_comes_with_the_project_is_sound_and_lists_the_forms_fields(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from plugins.trigger_form import FIELDS

    monkeypatch.setenv("PARLANCE_GUARD", "configs/guard.yaml")
    guard = load_guard()
    assert [key for key in FIELDS if not guard.permits(key)] == []
    assert {"demo", "one-gpu", "cluster-32xa100"} <= set(guard.names())


def test_every_key_that_takes_any_text_is_checked_or_known_to_be_harmless() -> None:
    harmless = {
        "description",
        "balance.caps",  # names, compared
        "audit.topics",  # names and phrases; escaped wherever they are shown
        "tokenise.select.sources",  # names of what there is, compared, or refused
        "tokenise.select.topics",
        "tokenise.select.languages",
        "tokenise.select.scores",
        "tracking.experiment",
        "model.name",  # one of configs/models, or refused
        "model.lora.target_modules",  # names of layers, compared
        "plan.hardware.gpu",  # one of configs/rates.yaml, or refused
        "plan.deployment.gpu",
        "plan.prices.currency",
        "plan.rates",
        "launch.profile_steps",  # two numbers, or refused
        "findings.reference",  # numbers by names of what there is, or refused
        "evaluate.probes",  # names of what there is, or refused
        "promote.legs",  # likewise
        "drift.limits",  # likewise
    }
    checked = {*OWNED, *DATA, *MODELS, *ADDRESSES, *harmless}
    owned = tuple(f"{section}." for section in OWNED)
    assert {key for key in free_texts(Profile.model_json_schema()) if not key.startswith(owned)} <= checked


def free_texts(schema: dict[str, Any]) -> set[str]:
    """Keys whose value may be any text, or hold any: no pattern, no choices."""

    def free(node: dict[str, Any]) -> bool:
        if "$ref" in node:
            return any(free(inner) for inner in definition(node)["properties"].values())
        inner = [*node.get("anyOf", ()), *([node["items"]] if "items" in node else [])]
        if inner:
            return any(map(free, inner))
        text = node.get("type") == "string" and not node.keys() & {"pattern", "enum", "const"}
        return text or ("additionalProperties" in node and node["additionalProperties"] is not False)

    def definition(node: dict[str, Any]) -> dict[str, Any]:
        return schema["$defs"][node["$ref"].rpartition("/")[2]]

    def keys(node: dict[str, Any], prefix: str) -> set[str]:
        found: set[str] = set()
        for name, inner in node["properties"].items():
            section = next((o for o in [inner, *inner.get("anyOf", ())] if "$ref" in o), None)
            found |= (
                keys(definition(section), f"{prefix}{name}.") if section else {prefix + name} if free(inner) else set()
            )
        return found

    return keys(schema, "")


def test_the_guard_is_a_section_like_any_other() -> None:
    assert all(field.description for field in Guard.model_fields.values())
