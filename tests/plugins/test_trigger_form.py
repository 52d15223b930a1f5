"""The trigger form offers what the configuration declares, and its answers become a profile."""

from pathlib import Path

import pytest
from airflow.sdk.exceptions import ParamValidationError

from configs.errors import UserError
from configs.keys import keys
from configs.load import load_profile, profile_names
from pipeline.contract.markdown import literal
from pipeline.contract.stages import STAGES
from plugins.configure_operator import PROJECT, resolve
from plugins.profile_values import PRESETS
from plugins.trigger_form import FIELDS, overrides_of, trigger_params


def test_an_untouched_form_is_the_profile_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARLANCE_ROOT", raising=False)
    values = {name: param.resolve() for name, param in trigger_params().items()}
    assert overrides_of(values) == []
    expected = load_profile("demo", [f"storage.root={PROJECT / 'var'}"])
    assert resolve(values) == expected


def test_every_field_has_a_section_a_title_a_description_and_may_be_empty() -> None:
    for name, param in trigger_params().items():
        assert param.schema["section"]
        assert param.schema["title"]
        assert param.description or param.schema["description_md"]
        assert param.resolve() is None or name in ("profile", "overrides")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("train.steps", 100, 0),
        ("train.steps", None, 1.5),
        ("deduplicate.jaccard", 0.9, 1.2),
        ("train.learning_rate", 0.001, 0),
        ("review.mode", "human", "nobody"),
        ("launch.zero_stage", 3, 4),
        ("model.name", "tiny", 3),
        ("overrides", ["findings.max_topic_share=0.4"], ["no equals sign"]),
    ],
)
def test_bounds_and_choices_of_the_models_are_the_forms(name: str, good: object, bad: object) -> None:
    param = trigger_params()[name]
    param.resolve(good)
    with pytest.raises(ParamValidationError):
        param.resolve(bad)


def test_filled_fields_reach_the_profile_and_further_settings_win(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLANCE_ROOT", str(tmp_path))
    filled = {"review.mode": "human", "train.steps": 90, "overrides": ["train.steps=80", "train.warmup_steps=8"]}
    profile = resolve({**dict.fromkeys(FIELDS), "profile": "demo", "data": "", **filled})
    assert profile.review.mode == "human"
    assert (profile.train.steps, profile.train.warmup_steps) == (80, 8)
    assert profile.storage.root == str(tmp_path)


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(UserError, match=r"train\.step: the form has no such field"):
        overrides_of({"profile": "demo", "train.step": 3})


def test_a_field_says_what_each_profile_says() -> None:
    steps = trigger_params()["train.steps"].description or ""
    assert "Empty: as the profile says: " in steps
    for name in ("demo", "scratch"):
        assert f"{load_profile(name).train.steps:,} in {name}" in steps
    assert trigger_params()["review.mode"].schema["values_display"] == {"null": "as the profile says"}


def test_the_profiles_are_told_with_what_they_are_for() -> None:
    told = trigger_params()["profile"].schema["description_md"]
    for name in profile_names():
        assert f"`{name}`" in told
        assert literal(load_profile(name).description) in told
    assert {f"`{name}` ({what})" in told for what, name in PRESETS.items()} == {True}


def test_a_profile_that_is_wrong_does_not_take_the_form_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.yaml").write_text("audit: [")
    guard = tmp_path / "guard.yaml"
    guard.write_text(f"{{keys: [train], profiles: [configs/profiles, {tmp_path}]}}")
    monkeypatch.setenv("PARLANCE_GUARD", str(guard))
    params = trigger_params()
    assert "broken" in params["profile"].schema["examples"]
    assert "`broken`" not in params["profile"].schema["description_md"]


def test_the_architectures_are_offered() -> None:
    assert {"tiny", "llama-3.2-3b"} <= set(trigger_params()["model.name"].schema["examples"])


def test_the_form_shows_what_the_guard_lists_up_to_its_largest_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = tmp_path / "guard.yaml"
    guard.write_text("{keys: [train], largest: {train.steps: 50}, profiles: [configs/profiles]}")
    monkeypatch.setenv("PARLANCE_GUARD", str(guard))
    fields = {name for name in trigger_params() if "." in name}
    assert fields == {key for key in FIELDS if key.startswith("train.")}
    trigger_params()["train.steps"].resolve(50)
    with pytest.raises(ParamValidationError):
        trigger_params()["train.steps"].resolve(51)


@pytest.mark.parametrize(
    "params",
    [
        {"profile": "/etc/hosts"},
        {"data": "/etc/hosts"},
        {"overrides": ["storage.root=/tmp/x"]},
        {"overrides": ["spark.conf={a: b}"]},
        {"model.pretrained": "/etc"},
        {"tokenise.tokenizer": "someone/model"},
    ],
)
def test_the_worker_refuses_what_the_form_never_sends(params: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"guard file|may not be set when a run is triggered"):
        resolve({"profile": "demo", **params})


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("train.step", r"did you mean train\.steps\?$"),
        ("trian.steps", r"did you mean train\.steps\?$"),
        ("overides", r"did you mean overrides\?$"),
        ("train.validation_every", r"give it in overrides as train\.validation_every=VALUE$"),
        (
            "train.validation_evry",
            r"did you mean train\.validation_every\? give it in overrides as train",
        ),
        ("validation_every", r"did you mean train\.validation_every\? give it"),
        ("nosuch.key", r"docs/configuration\.md lists every key$"),
    ],
)
def test_the_advice_is_never_the_mistake(key: str, advice: str) -> None:
    with pytest.raises(UserError, match=advice) as refused:
        overrides_of({"profile": "demo", key: 3})
    assert f" {key}=VALUE" not in str(refused.value) or key in keys()


@pytest.mark.parametrize(("what", "name"), PRESETS.items())
def test_a_preset_is_a_profile_that_every_stage_takes(what: str, name: str) -> None:
    profile = load_profile(name)
    for stage in STAGES.values():
        stage.refuse(profile)
    assert (profile.train.objective == "dpo") == (what == "preferences")
    assert bool(profile.model.pretrained) == (what != "from scratch")
