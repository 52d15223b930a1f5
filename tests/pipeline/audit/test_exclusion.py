"""Groups are left out only against a reference that the profile states."""

import json

import pytest
from scipy import stats

from configs.audit import Findings
from configs.errors import UserError
from configs.load import load_profile
from pipeline.audit.exclusion import check, raw_inputs, references, shortfalls
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.wilson import wilson


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (10, 10), (480, 1000)])
def test_intervals_are_wilsons(successes, trials):
    known = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson(successes / trials, trials) == pytest.approx((known.low, known.high), abs=1e-4)


def test_without_a_reference_no_group_is_left_out():
    assert references(Findings()) == {}
    assert shortfalls({"gender": {"female": 1, "male": 999}}, {}) == []


def test_shares_are_taken_among_the_groups_that_the_reference_names():
    mentions = {"gender": {"female": 20, "male": 80, "transgender or non-binary": 900}}
    female, male = shortfalls(mentions, {"gender": {"female": 0.49, "male": 0.49}})
    assert (female["rows"], female["total"], female["share"], female["expected"]) == (20, 100, 0.2, 0.5)
    assert (female["ratio"], male["ratio"]) == (0.4, 1.6)
    assert female["low"] < 0.4 < female["high"] < 1
    assert female["p"] < 0.001


def test_an_attribute_that_is_never_mentioned_has_no_shares():
    assert shortfalls({"gender": {"female": 0, "male": 0}}, {"gender": {"female": 0.5, "male": 0.5}}) == []


def test_the_mentions_of_another_corpus_may_be_the_reference(tmp_path):
    other = tmp_path / "audit.json"
    other.write_text(json.dumps({"mentions": {"gender": {"female": 30, "male": 10}, "age": {"old": 0, "young": 0}}}))
    assert references(Findings(reference_audit=str(other))) == {"gender": {"female": 0.75, "male": 0.25}}
    stated = Findings(reference_audit=str(other), reference={"gender": {"female": 0.5, "male": 0.5}})
    assert references(stated) == {"gender": {"female": 0.5, "male": 0.5}}


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ({"height": {"tall": 0.5}}, r"findings\.reference: 'height' is no attribute; there are gender, age"),
        ({"gender": {"women": 0.5}}, r"findings\.reference\.gender: 'women' is no group; there are female, male"),
    ],
)
def test_a_reference_to_what_is_not_known_is_refused_with_what_there_is(reference, says):
    with pytest.raises(UserError, match=says):
        references(Findings(reference=reference))


@pytest.mark.parametrize("shares", [{"female": 0.6, "male": 0.5}, {"female": 0.0, "male": 0.5}])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(ValueError, match="the shares of gender must be above 0 and add up to 1 at most"):
        Findings(reference={"gender": shares})


@pytest.mark.parametrize("text", ["", "[]", '{"rows": 3}'])
def test_a_file_that_is_no_audit_is_refused_before_anything_starts(tmp_path, text):
    other = tmp_path / "audit.json"
    other.write_text(text)
    profile = load_profile("scratch", [f"findings.reference_audit={other}"])
    with pytest.raises(UserError, match=r"findings\.reference_audit: .*audit\.json is no audit\.json of a run"):
        check(profile)


def test_the_other_corpus_enters_the_fingerprint_by_its_content(tmp_path):
    other = tmp_path / "audit.json"
    profile = load_profile("scratch", [f"findings.reference_audit={other}"])
    found = []
    for text in ('{"mentions": {}}', '{"mentions": {"gender": {}}}'):
        other.write_text(text)
        found.append(raw_inputs(profile, FileHashes(tmp_path / "hashes.json")))
    assert found[0] != found[1]
    assert raw_inputs(load_profile("scratch", []), FileHashes(tmp_path / "hashes.json")) == {}
