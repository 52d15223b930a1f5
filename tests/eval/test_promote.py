"""The stage promote, on hand-made artifacts and a registry in SQLite."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LlamaForCausalLM

from configs.errors import UserError
from eval import registry
from eval.checkpoint import load_model
from pipeline.cli import main
from pipeline.contract.champion import champion_artifact
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from tests.kills import killed_and_run_again

from .conftest import DECISION, FINDING, new_model, new_tokenizer

World = Callable[..., Run]
LAX = ("promote.max_perplexity_over_unigram=100", "promote.max_broken_replies=1")
"""Lets an untrained model be the first champion."""


def promotion(run: Run) -> dict[str, Any]:
    execute(run, "evaluate")
    (artifact,) = execute(run, "promote")
    return artifact.json("promotion.json")


def noted(run: Run) -> tuple[int, str]:
    """The champion's version as others read it, and the fingerprint of the conversations that it was made from."""
    found = champion_artifact(run.store, run.profile.promote.model_name, "balance")
    assert found is not None
    return found[0], found[1].manifest["fingerprint"]


def test_a_better_model_replaces_the_champion_and_rollback_restores_it(
    world: World, untrained: LlamaForCausalLM, trained: LlamaForCausalLM, capsys: pytest.CaptureFixture[str]
) -> None:
    first = world(untrained, steps=101, overrides=LAX)
    assert promotion(first)["decision"] == "promoted"

    second_run = world(trained, steps=102, overrides=LAX)
    second = promotion(second_run)
    assert second["decision"] == "promoted"
    assert (second["version"], second["champion"], second["challenger"]) == (2, 2, None)
    assert "Better than version 1 on loss (2.9" in second["reason"]

    third = promotion(world(untrained, steps=103, overrides=LAX))
    assert third["decision"] == "kept_champion"
    assert (third["version"], third["champion"], third["challenger"]) == (3, 2, 3)

    uri = first.profile.tracking.address(first.root)
    assert noted(first) == (2, second_run.fingerprint("balance"))
    main(["rollback", "--root", str(first.root)])
    assert "version 1 is the champion again" in capsys.readouterr().out
    assert noted(first) == (1, first.fingerprint("balance"))
    champion, challenger = registry.champion(uri, "parlance-chat"), registry.challenger(uri, "parlance-chat")
    assert champion is not None
    assert challenger is not None
    assert (champion.version, challenger.version) == (1, 2)
    assert champion.tags["train"] == first.fingerprint("train")
    with pytest.raises(UserError, match="version 1 is the first champion"):
        registry.rollback(uri, "parlance-chat")


def test_a_first_model_worse_than_the_unigram_baseline_is_rejected(world: World, untrained: LlamaForCausalLM) -> None:
    outcome = promotion(world(untrained))
    assert outcome["decision"] == "rejected"
    assert outcome["champion"] is None
    assert outcome["challenger"] == 1


def test_the_same_model_evaluated_otherwise_is_already_champion(world: World, trained: LlamaForCausalLM) -> None:
    assert promotion(world(trained))["decision"] == "promoted"
    again = promotion(world(trained, overrides=("evaluate.samples=3",)))
    assert again["decision"] == "already_champion"
    assert again["version"] == again["champion"] == 1


def test_a_champion_of_another_test_set_is_scored_again_on_this_one(
    world: World, untrained: LlamaForCausalLM, trained: LlamaForCausalLM
) -> None:
    assert promotion(world(untrained, steps=101, overrides=LAX))["decision"] == "promoted"
    outcome = promotion(world(trained, steps=102, overrides=(*LAX, "tokenise.vocabulary=600")))
    assert outcome["decision"] == "promoted"
    assert outcome["reason"].endswith("The champion was scored again on this run's test set.")
    assert outcome["legs"][0]["verdict"] == "gain"


def test_models_of_two_tokenizers_are_compared_by_byte(world: World, trained: LlamaForCausalLM) -> None:
    assert promotion(world(trained, steps=101))["decision"] == "promoted"
    other = new_tokenizer(300)
    outcome = promotion(world(new_model(other), steps=102, overrides=("tokenise.vocabulary=600",), tokenizer=other))
    assert outcome["decision"] == "kept_champion"
    assert "scored again on this run's test set, in the tokens of its own tokenizer." in outcome["reason"]
    assert (outcome["legs"][0]["name"], outcome["legs"][0]["unit"]) == ("loss", "bits a byte")
    assert outcome["legs"][0]["after"] > 10 * outcome["legs"][0]["before"]


def test_what_the_champion_said_is_compared_when_it_was_asked_the_same_way(
    world: World, trained: LlamaForCausalLM
) -> None:
    """Six replies to each; the model is the same, trained for as long, but for its name."""
    few = ("promote.min_items=6", "evaluate.probes=[intent, stereotypes]", "evaluate.probe_items=6")
    promotion(world(trained, steps=101, overrides=few))
    legs = {leg["name"]: leg for leg in promotion(world(trained, steps=102, overrides=few))["legs"]}
    assert list(legs) == [
        "loss",
        *("rouge_l", "reply_length", "empty_replies", "looping_replies"),
        *("probe:intent", "probe:stereotypes"),
        *("source:left", "source:right", "topic:small talk"),
    ]
    assert {leg["verdict"] for leg in legs.values()} == {"no change"}
    assert (legs["rouge_l"]["before"], legs["rouge_l"]["after"], legs["rouge_l"]["items"]) == (1, 1, 6)
    longer = promotion(world(trained, steps=103, overrides=(*few, "evaluate.max_new_tokens=17")))
    assert "(evaluate.max_new_tokens was 16 for version 1 and is 17)" in longer["reason"]
    assert [leg["verdict"] for leg in longer["legs"]][1:6] == ["not compared"] * 4 + ["no change"]
    shorter = promotion(world(trained, steps=104, overrides=(*few, "evaluate.max_prompt_tokens=16")))
    assert "(evaluate.max_prompt_tokens was None for version 1 and is 16)" in shorter["reason"]


def test_a_first_model_is_compared_with_its_base(
    world: World, untrained: LlamaForCausalLM, trained: LlamaForCausalLM, tmp_path: Path
) -> None:
    untrained.save_pretrained(tmp_path / "base")
    begun = (f"model.pretrained={tmp_path / 'base'}",)
    assert promotion(world(untrained, steps=101, overrides=(*begun, *LAX)))["decision"] == "rejected"
    run = world(trained, steps=102, overrides=begun)
    outcome = promotion(run)
    assert outcome["decision"] == "promoted"
    assert outcome["reason"].startswith("First model. Better than its base on loss (2.9")
    loss, _, length = outcome["legs"][:3]
    base = run.artifact("evaluate").json("evaluation.json")["base"]
    assert loss["before"] == pytest.approx(base["bits_per_byte"])
    assert (loss["verdict"], length["require"]) == ("gain", "ignore")


def test_an_attempt_that_is_repeated_tells_the_legs_of_the_first(
    world: World, untrained: LlamaForCausalLM, trained: LlamaForCausalLM
) -> None:
    promotion(world(untrained, steps=101, overrides=LAX))
    second = world(trained, steps=102)
    first = promotion(second)
    (second.artifact("promote").path / "manifest.sha256").unlink()  # as if the process had died before the commit
    assert promotion(second) == first
    assert first["legs"]


def test_a_champion_whose_folder_is_gone_is_named(world: World, trained: LlamaForCausalLM) -> None:
    run = world(trained, steps=101)
    promotion(run)
    shutil.rmtree(run.artifact("promote").path / "model")
    with pytest.raises(UserError, match=r"version 1 lay in .* which is gone"):
        promotion(world(trained, steps=102, overrides=("tokenise.vocabulary=600",)))


def test_an_attempt_that_died_after_registering_is_repeated_without_a_second_version(
    world: World, trained: LlamaForCausalLM
) -> None:
    run = world(trained)
    promotion(run)
    artifact = run.artifact("promote")
    (artifact.path / "manifest.sha256").unlink()  # as if the process had died before the commit
    assert promotion(run)["version"] == 1


def test_a_repeated_attempt_does_not_undo_a_rollback(
    world: World, untrained: LlamaForCausalLM, trained: LlamaForCausalLM
) -> None:
    promotion(world(untrained, steps=101, overrides=LAX))
    second = world(trained, steps=102, overrides=LAX)
    assert promotion(second)["champion"] == 2
    registry.rollback(second.profile.tracking.address(second.root), "parlance-chat")
    (second.artifact("promote").path / "manifest.sha256").unlink()
    assert promotion(second)["champion"] == 1


def test_plain_transformers_loads_and_chats_with_the_folder(world: World, trained: LlamaForCausalLM) -> None:
    run = world(trained)
    promotion(run)
    champion = registry.champion(run.profile.tracking.address(run.root), "parlance-chat")
    assert champion is not None
    folder = champion.folder
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Do you have a dog?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    with torch.inference_mode():
        output = model.generate(**prompt, do_sample=False)
    reply = tokenizer.decode(output[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)
    assert reply == "Yes, her name is Biscuit."
    settings = GenerationConfig.from_pretrained(folder)
    assert tokenizer.convert_tokens_to_ids("<|eot_id|>") in settings.eos_token_id
    assert tokenizer.model_max_length == 128
    assert run.artifact("train").damage() == []
    assert run.artifact("tokenise").damage() == []


def test_the_model_card_tells_data_scores_and_limits(world: World, trained: LlamaForCausalLM) -> None:
    run = world(trained)
    promotion(run)
    card = (run.artifact("promote").path / "model" / "README.md").read_text()
    _, front_matter, body = card.split("---\n", 2)
    assert yaml.safe_load(front_matter)["library_name"] == "transformers"
    assert "| hand_made | files | CC0-1.0 |" in body
    assert "| clean | 36 | 36 | – |" in body
    assert "**warning**: travel makes up 30% of the rows" in body
    assert "Decision of the review: approve, by automatic." in body
    assert "| wall time | 1 min 40 s |" in body
    assert run.fingerprint("train") in body


def test_the_model_card_shows_the_base_and_the_legs(
    world: World, untrained: LlamaForCausalLM, trained: LlamaForCausalLM, tmp_path: Path
) -> None:
    untrained.save_pretrained(tmp_path / "base")
    run = world(trained, overrides=(f"model.pretrained={tmp_path / 'base'}",))
    promotion(run)
    card = (run.artifact("promote").path / "model" / "README.md").read_text()
    assert "| score | value | its base |\n|---|---:|---:|\n| perplexity | 1.0" in card
    assert re.search(
        r"\| loss \| 2\.9\d\d \| 0\.0\d\d \| \+99\.\d% \| .* to .* \| `          │  .*●.*` \| gain \|", card
    )
    assert "| Hello! How are you today? | – | I am well, thank you. And you? |" in card


def test_the_model_card_names_who_decided_when_and_by_which_marks(
    world: World, trained: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = {"between": ["ann", "b*b"], "rows": 50, "raw": 0.7, "raw_low": 0.5625, "raw_high": 0.809}
    stratum = {"stratum": "rule/clean/offensive", "rows": 8, "precision": 0.75, "low": 0.409, "high": 0.929}
    undrawn = {"stratum": "finding/gap: <age>", "rows": 0, "precision": None, "low": None, "high": None}
    marks = {
        "marks": 102,
        "rows": 52,
        "reviewers": {"ann": 50, "b*b": 52},
        "agreement": [{**pair, "kappa": 0.4, "low": 0.125, "high": 0.618}],
        "strata": [stratum, undrawn],
    }
    for key, value in {"by": "b*b", "at": "2026-11-28T17:05:00+00:00", "marks": marks}.items():
        monkeypatch.setitem(DECISION, key, value)
    monkeypatch.setitem(DECISION, "remove", {"topics": ["sport"], "sources": []})
    run = world(trained)
    promotion(run)
    body = (run.artifact("promote").path / "model" / "README.md").read_text()
    assert r"Decision of the review: approve, by b\*b, 2026-11-28T17:05:00+00:00." in body
    assert "Removed by it, topics: sport." in body
    assert r"It rests on 102 marks, right or wrong, that people made on 52 rows (ann 50, b\*b 52)." in body
    assert r"| ann and b\*b | 50 | 70% (56% to 81%) | 0.40 (0.12 to 0.62) |" in body
    assert "| rule/clean/offensive | 8 | 75% (41% to 93%) |" in body
    assert r"| finding/gap: \<age\> | 0 | – |" in body


def test_what_data_and_people_are_called_is_text_on_the_model_card(
    world: World, trained: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FINDING, "message", "![i](http://127.0.0.1/i.png) makes up <b>30%</b> | of the rows")
    run = world(trained, overrides=("acquire.sources.0.licence='[a](http://127.0.0.1) $x$'",))
    promotion(run)
    body = (run.artifact("promote").path / "model" / "README.md").read_text()
    assert r"**warning**: `![i](http://127.0.0.1/i.png)` makes up \<b\>30%\</b\> \| of the rows" in body
    assert r"| hand_made | files | `[a](http://127.0.0.1)` \$x\$ |" in body


def test_a_promotion_that_is_killed_before_a_call_and_run_again_is_as_if_nothing_had_happened(
    world: World, trained: LlamaForCausalLM
) -> None:
    run = world(trained)
    execute(run, "evaluate")
    found = killed_and_run_again(run, promote=5)["promote"]
    assert found["trials"] == 5
    assert found["differing"] == []


def test_a_damaged_evaluation_is_made_again_before_the_gate_reads_it_and_a_damaged_champion_is_not_used(
    world: World, trained: LlamaForCausalLM, capfd: pytest.CaptureFixture[str]
) -> None:
    run = world(trained)
    *_, evaluate = execute(run, "evaluate")
    file = evaluate.path / "evaluation.json"
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    file.write_bytes(flipped)
    (promote,) = execute(run, "promote")
    said = capfd.readouterr().out
    assert "promote: the artifact of evaluate is damaged, task evaluate makes it again" in said
    assert f"evaluate: {file}: contents changed (sha256 differs from the manifest); the artifact is not used" in said
    assert file.read_bytes() == whole
    assert promote.json("promotion.json")["decision"] == "promoted"
    model = promote.path / "model" / "model.safetensors"
    content = model.read_bytes()
    model.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    champion = registry.champion(run.profile.tracking.address(run.root), "parlance-chat")
    assert champion is not None
    for read in (lambda: champion.folder, lambda: load_model(model.parent)):  # as chat and rollback do
        with pytest.raises(UserError, match=r"model/model\.safetensors: contents changed"):
            read()
