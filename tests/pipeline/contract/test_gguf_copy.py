"""The head of a GGUF file is read once: afterwards a copy that transformers has saved is."""

import os
from pathlib import Path

import pytest
from gguf import GGUFWriter
from transformers import AutoConfig

from pipeline.contract.cache import CACHE
from pipeline.contract.gguf_copy import head_of


def write(file: Path, layers: int) -> None:
    writer = GGUFWriter(file, "llama")
    writer.add_block_count(layers)
    writer.add_context_length(64)
    writer.add_embedding_length(16)
    writer.add_feed_forward_length(32)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_token_list(["a", "b", "c"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "gguf"


def test_the_copy_says_what_the_file_does_and_another_file_has_another(tmp_path: Path, cache: Path) -> None:
    file = tmp_path / "a.gguf"
    for layers in (3, 5):
        write(file, layers)
        of_file = AutoConfig.from_pretrained(str(tmp_path), gguf_file="a.gguf").to_dict()
        first, second = (head_of(file, AutoConfig).to_dict() for _ in range(2))
        assert first == second
        assert first["num_hidden_layers"] == layers
        assert {k for k in of_file if of_file[k] != first[k]} <= {"_name_or_path"}
    assert len(list(cache.glob("*/AutoConfig/config.json"))) == 2
    assert not list(cache.glob("*/.*"))


def test_the_file_is_not_read_again(tmp_path: Path, cache: Path) -> None:
    file = tmp_path / "a.gguf"
    write(file, 3)
    status = file.stat()
    head_of(file, AutoConfig)
    file.write_bytes(bytes(status.st_size))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert head_of(file, AutoConfig).num_hidden_layers == 3
    assert len(list(cache.iterdir())) == 1


def test_without_a_cache_folder_the_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file, where the folder would be")
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    write(tmp_path / "a.gguf", 3)
    assert head_of(tmp_path / "a.gguf", AutoConfig).num_hidden_layers == 3
