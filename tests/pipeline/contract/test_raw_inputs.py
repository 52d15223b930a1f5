"""What a stage reads besides artifacts is named by its content, or by its exact version."""

from importlib.metadata import version
from pathlib import Path

import pytest

from configs.errors import UserError
from configs.load import load_profile
from pipeline.contract.fingerprint import FileHashes, file_sha256
from pipeline.contract.raw_inputs import encoder, file_hashes, model_files, package_version, tokenizer


@pytest.fixture
def hashes(tmp_path: Path) -> FileHashes:
    return FileHashes(tmp_path / "hashes.json")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "weights").write_text("weights")
    (folder / "deep" / "config").write_text("config")
    return folder


def test_a_model_in_a_folder_is_its_files(model: Path, hashes: FileHashes) -> None:
    assert model_files("embed.model", str(model), hashes) == {
        "embed.model/deep/config": file_sha256(model / "deep" / "config"),
        "embed.model/weights": file_sha256(model / "weights"),
    }


def test_a_model_of_a_package_is_its_version_and_one_of_the_hub_its_name(hashes: FileHashes) -> None:
    assert model_files("embed.model", "package:pyarrow", hashes) == {"embed.model": f"pyarrow=={version('pyarrow')}"}
    assert model_files("embed.model", "someone/model", hashes) == {"embed.model": "hub:someone/model"}


def test_the_encoder_is_the_one_of_the_profile(model: Path, hashes: FileHashes) -> None:
    assert list(encoder(load_profile("scratch", [f"embed.model={model}"]), hashes)) == [
        "embed.model/deep/config",
        "embed.model/weights",
    ]


def test_a_tokenizer_is_an_input_unless_it_is_trained(model: Path, hashes: FileHashes) -> None:
    assert tokenizer(load_profile("scratch"), hashes) == {}
    of_the_hub = load_profile("scratch", ["tokenise.tokenizer=with/tokenizer"])
    assert tokenizer(of_the_hub, hashes) == {"tokenise.tokenizer": "hub:with/tokenizer"}
    assert list(tokenizer(load_profile("scratch", [f"tokenise.tokenizer={model}"]), hashes)) == [
        "tokenise.tokenizer/deep/config",
        "tokenise.tokenizer/weights",
    ]


def test_a_file_that_cannot_be_read_is_named_under_its_label(hashes: FileHashes) -> None:
    with pytest.raises(UserError, match=r"chats: /nowhere/chat: cannot be read .*; check its permissions"):
        file_hashes("chats", [("chat", Path("/nowhere/chat"))], hashes)


def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(UserError, match=r"embed\.model: the package no-such is not installed; pip install no-such"):
        package_version("embed.model", "no-such")
