"""Words of a profile's own, and what is told of a list that is wrong."""

import pytest

from configs.errors import UserError
from configs.load import load_profile
from pipeline.people.lists import of_profile
from pipeline.people.mentions import Lexicons


def lexicons(setting: str) -> Lexicons:
    return Lexicons(of_profile(load_profile("demo", [f"audit.lexicon={setting}"]).audit))


def test_a_list_in_the_profile_makes_its_language_known():
    french = lexicons('{fr: {groups: {gender: {female: "elle, femme, femmes"}}}}')
    assert french.mentions("Une femme et son ami", "fr") == {"gender:female"}
    assert french.mentions("Une femme et son ami", "it") == set()
    assert french.mentions("Her friend", "en") == {"gender:female"}


def test_a_file_takes_the_place_of_the_list_that_comes_with_the_project(tmp_path):
    path = tmp_path / "words.yaml"
    path.write_text('groups: {religion: {muslim: {person: "muslim"}}}')
    assert lexicons(f"{{en: {path}}}").mentions("She is a Muslim", "en") == {"religion:muslim"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "groups: {religon: {muslim: muslim}}",
            "words.yaml: groups: there is no attribute 'religon'; did you mean",
        ),
        (
            "groups: {religion: {moslem: muslim}}",
            "groups: there is no group of religion 'moslem'; did you mean muslim?",
        ),
        ("groups: {religion: muslim}", "groups: religion: must be groups with their terms"),
        ("groups: {religion: {muslim: {persons: muslim}}}", "groups.religion.muslim.persons.[key]: Input should be"),
        ("groups: {}\nperson: a", "person: unknown key; did you mean persons?"),
        ("groups: {}\nendings: {ab: [a]}", "endings: 'ab' must be one sign"),
        (
            "groups: {}\nages: {groups: {baby: [0, 2]}}",
            "there is no group 'baby' of age; there are: child",
        ),
        ("[]", "words.yaml: not a list of words, which is a mapping with the keys groups"),
    ],
)
def test_a_wrong_list_is_refused_by_file_key_and_remedy(tmp_path, text, says):
    path = tmp_path / "words.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"words\.yaml") as raised:
        lexicons(f"{{de: {path}}}")
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("{de: nowhere.yaml}", "audit.lexicon.de: nowhere.yaml is not a file; name a list of words"),
        ("{German: {groups: {}}}", "audit.lexicon: 'German' is no language; write its code of two letters, as de"),
        ("{de: {groups: {sex: {male: er}}}}", "there is no attribute 'sex'"),
    ],
)
def test_a_wrong_setting_is_refused_by_key_and_remedy(setting, says):
    with pytest.raises(UserError) as raised:
        lexicons(setting)
    assert says in str(raised.value)
