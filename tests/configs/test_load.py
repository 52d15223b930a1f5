"""Every mistake in a profile is one line that names the key and what would be right."""

from pathlib import Path

import pytest

from configs.errors import UserError
from configs.load import load_architecture, load_profile, profile_names, sources_of


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_that_comes_with_the_project_is_valid(name: str) -> None:
    assert load_profile(name).acquire.sources


def test_an_element_of_a_list_may_be_a_value_too() -> None:
    with pytest.raises(UserError, match=r"override acquire.sources.0.path: 0 is a value, not a section"):
        load_profile("scratch", ["acquire.sources=[5]", "acquire.sources.0.path=1"])


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("train.stepz=3", "train.stepz: unknown key; did you mean steps?"),
        ("x.key=1", "x: unknown key; known keys: "),
        ("train.steps=0", "train.steps: Input should be greater than or equal to 1, found 0"),
        ("train.steps=many", "train.steps: Input should be a valid integer"),
        ("train.steps", "not of the form section.key=value"),
        ("seed.deeper=1", "seed is a value, not a section"),
        ("train.warmup_steps=100000", "warmup_steps (100000) must be below steps"),
        ("deduplicate.bands=33", "bands (33) must divide permutations (96)"),
        ("acquire.sources.0.name.deeper=1", "name is a value, not a section"),
        ("acquire.sources.9.limit=1", "'9' is not an index of a list of 2"),
        ("acquire.sources.0.hub=some/data", "exactly one of path, hub and package must be set"),
        ("train.steps={a", "is not valid YAML"),
    ],
)
def test_a_wrong_override_is_refused_with_the_key_and_the_remedy(override: str, says: str) -> None:
    with pytest.raises(UserError) as refused:
        load_profile("scratch", [override])
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_mistake_is_put_down_to_the_override_that_made_it_and_not_to_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^override train\.steps: train: warmup_steps \(20\) must be below steps"):
        load_profile("scratch", ["seed=3", "train.steps=20"])
    with pytest.raises(UserError, match=r"^override seed: seed: .*, found -1; override train: train\.stepz: unknown"):
        load_profile("scratch", ["seed=-1", "train={stepz: 20}"])
    path = tmp_path / "mine.yaml"
    path.write_text("acquire: {sources: [{name: a, path: a}]}\naudit: {topics: {a: b, c: d}}\nembed: {max_tokens: 1}")
    with pytest.raises(UserError, match=rf"^override seed: seed: .*found -1; {path}: embed\.max_tokens: .*found 1$"):
        load_profile(str(path), ["seed=-1"])


def test_later_overrides_win() -> None:
    assert load_profile("scratch", ["train.steps=77", "train.steps=78"]).train.steps == 78


def test_an_unknown_profile_names_those_there_are() -> None:
    with pytest.raises(UserError, match=r"neither a file nor one of: .*demo"):
        load_profile("nowhere")


def test_a_profile_that_is_not_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("a: [1,\nb: 2")
    with pytest.raises(UserError, match=r"broken.yaml: not valid YAML"):
        load_profile(str(path))


def test_data_replaces_the_sources_by_one_for_each_file(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.csv.gz", "a.json", ".hidden"):
        (tmp_path / name).touch()
    profile = load_profile("scratch", data=str(tmp_path))
    assert [s.name for s in profile.acquire.sources] == ["a", "a-2", "b"]


def test_data_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        sources_of(str(tmp_path / "missing"))


def test_an_unknown_architecture_names_those_there_are() -> None:
    with pytest.raises(UserError, match=r"model.name: 'huge' is not in configs/models, which has: .*tiny"):
        load_architecture("huge")


def test_files_of_one_stem_are_numbered_and_never_share_a_name(tmp_path: Path) -> None:
    for name in ("a.csv", "a.json", "a.jsonl", "a-2.csv", "b.json"):
        (tmp_path / name).touch()
    assert [s["name"] for s in sources_of(str(tmp_path))] == ["a-2", "a", "a-3", "a-4", "b"]


@pytest.mark.parametrize("text", ["password: Zebra", "- Zebra", "Zebra", "a: [Zebra", "k: Zebra: b"])
def test_a_file_that_is_no_profile_is_not_quoted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        load_profile(str(path))
    assert "Zebra" not in str(refused.value)
    assert "password" not in str(refused.value)


def test_a_credential_in_a_profile_is_not_quoted() -> None:
    for setting in ("vectors.url=http://user:Zebra@host", "train.steps=token=Zebra", "spark.conf.a.secret.key=[Zebra]"):
        with pytest.raises(UserError) as refused:
            load_profile("scratch", [setting])
        assert "Zebra" not in str(refused.value)


@pytest.mark.parametrize("name", ["../profiles/demo", "", ".", "tiny\0"])
def test_an_architecture_is_a_name_not_a_path(name: str) -> None:
    with pytest.raises(UserError, match="is not in configs/models"):
        load_architecture(name)
