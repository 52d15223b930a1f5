"""The folder to hand out: weights, tokenizer, chat template and settings that plain transformers loads."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from pipeline.contract.artifact import Artifact
from pipeline.contract.atomic_write import write_text
from pipeline.contract.tokenizer import saved_tokenizer
from pipeline.contract.turns import encoder_of


def assemble(folder: Path, train: Artifact, tokenise: Artifact) -> None:
    """Fills `folder` with hard links to the two artifacts' files (copies across file systems)."""
    shutil.rmtree(folder, ignore_errors=True)
    for source in (train.path / "model", tokenise.path / "tokenizer"):
        for path in sorted(p for p in source.rglob("*") if p.is_file()):
            _link(path, folder / path.relative_to(source))
    settings = _read(folder / "tokenizer_config.json") | {"model_max_length": _context_length(folder, tokenise)}
    _write(folder / "tokenizer_config.json", settings)
    _write(folder / "generation_config.json", _generation_settings(folder))


def _generation_settings(folder: Path) -> dict[str, Any]:
    """What `model.generate` does unless told otherwise. Ids come from the tokenizer, sampling is the
    temperature and nucleus of the Llama 3.2 model card."""
    config, tokenizer = _read(folder / "config.json"), _read(folder / "tokenizer_config.json")
    ids = {token["content"]: token["id"] for token in _read(folder / "tokenizer.json")["added_tokens"]}

    def token_id(role: str) -> int | None:
        token = tokenizer.get(f"{role}_token")
        token = token["content"] if isinstance(token, dict) else token
        return ids.get(token, config.get(f"{role}_token_id"))

    ends = {encoder_of(saved_tokenizer(folder)).end, token_id("eos")} - {None}
    settings = {
        "bos_token_id": token_id("bos"),
        "eos_token_id": sorted(i for i in ends if i is not None),
        "pad_token_id": token_id("pad"),
    }
    sampling = {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "max_new_tokens": 256}
    return {key: value for key, value in settings.items() if value is not None} | sampling


def _context_length(folder: Path, tokenise: Artifact) -> int:
    """Tokens that the model was trained to hold at once."""
    positions = _read(folder / "config.json").get("max_position_embeddings")
    length = tokenise.manifest["config"]["tokenise"]["sequence_length"]
    return min(length, positions) if positions else length


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _write(path: Path, settings: dict[str, Any]) -> None:
    """Replaces the file by a new one; the original that it was linked to stays as it is."""
    write_text(path, json.dumps(settings, indent=2, ensure_ascii=False))


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))
