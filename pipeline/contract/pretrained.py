"""Where pretrained weights lie: a folder, a name on the hub, a GGUF file, or a Python package that carries one."""

import csv
import json
import mmap
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from configs.errors import UserError
from pipeline.contract.gguf_copy import head_of

KEY = "model.pretrained"
PACKAGE = "package:"
SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings")
SCALED_ROTARY = b"rope_freqs.weight"
"""The tensor by which GGUF files scale rotary frequencies, as those of Llama 3.1 and later."""


@dataclass(frozen=True)
class Source:
    """What transformers' from_pretrained takes. folder: or a name on the hub. gguf: name of the file in the folder."""

    folder: str
    gguf: str | None = None

    @property
    def options(self) -> dict[str, str]:
        """Keyword arguments of from_pretrained."""
        return {"gguf_file": self.gguf} if self.gguf else {}

    @property
    def file(self) -> Path | None:
        """The GGUF file."""
        return Path(self.folder, self.gguf) if self.gguf else None


def pretrained_source(name: str) -> Source:
    """What `model.pretrained` names. Raises UserError for a GGUF file or a package of one that is not there."""
    if name.startswith(PACKAGE):
        file = _carried(name.removeprefix(PACKAGE))
    elif name.endswith(".gguf"):
        file = Path(name)
        if not file.is_file():
            raise UserError(f"{KEY}: {name}: no such file; give the path of a GGUF file")
    else:
        return Source(name)
    return Source(str(file.parent), file.name)


def pretrained_values(name: str) -> dict[str, Any]:
    """The contents of the weights' config.json, as common_names has them; of a GGUF file, what transformers makes of
    its head.

    Raises OSError or ValueError for a folder whose file cannot be read, UserError for a GGUF file.
    """
    source = pretrained_source(name)
    if source.file:
        values = pretrained_config(name).to_dict()
        values.pop("_name_or_path", None)
        return common_names(values)
    return common_names(json.loads(Path(source.folder, "config.json").read_text(encoding="utf-8")))


def common_names(values: dict[str, Any]) -> dict[str, Any]:
    """The contents of a config.json, its sizes also by the names that transformers' classes have in common: a GPT-2's
    says n_embd where most say hidden_size."""
    if all(name in values for name in SIZES):
        return values
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING  # takes two seconds to import

    kind = str(values.get("model_type"))
    own_names = CONFIG_MAPPING[kind].attribute_map if kind in CONFIG_MAPPING else {}
    return {name: values[own] for name, own in own_names.items() if own in values} | values


def check_positions(name: str, values: dict[str, Any], length: int) -> None:
    """Raises UserError when sequences of `length` tokens are longer than those that the weights were made for."""
    most = values.get("max_position_embeddings")
    if most and most < length:
        raise UserError(
            f"tokenise.sequence_length: {length} exceeds max_position_embeddings ({most}) of {name}; lower it"
        )


def pretrained_config(name: str) -> Any:
    """transformers' configuration of the weights.

    Raises UserError when it cannot be loaded, or would be another than the file's: transformers 5 leaves out what a
    GGUF file says of scaled rotary frequencies, and the model would be another one, the more so the longer the text.
    """
    from transformers import AutoConfig

    source = pretrained_source(name)
    if source.file and _holds(source.file, SCALED_ROTARY):
        raise UserError(
            f"{KEY}: {source.file} scales its rotary frequencies ({SCALED_ROTARY.decode()}), which transformers "
            "does not read from GGUF; give the folder of the same model's safetensors"
        )
    try:
        return head_of(source.file, AutoConfig) if source.file else AutoConfig.from_pretrained(source.folder)
    except (OSError, ValueError, ImportError, KeyError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        remedy = "give a folder with config.json and weights, a hub name, a .gguf file or package:NAME"
        raise UserError(f"{KEY}: the configuration of {name!r} cannot be loaded ({reason}); {remedy}") from error


def _holds(file: Path, name: bytes) -> bool:
    with file.open("rb") as opened:
        if not file.stat().st_size:
            return False
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(name) >= 0


def _carried(package: str) -> Path:
    """The one GGUF file that an installed package carries. The package itself is not imported."""
    try:
        installed = distribution(package)
    except (PackageNotFoundError, ValueError) as error:
        raise UserError(f"{KEY}: the package {package} is not installed; pip install {package}") from error
    # Not by its `files`, which leave out what is missing where another package has brought its own importlib_metadata.
    listed = csv.reader((installed.read_text("RECORD") or "").splitlines())
    found = [row[0] for row in listed if row and row[0].endswith(".gguf")]
    if not found:
        raise UserError(f"{KEY}: the package {package} carries no .gguf file; name one that does, or a folder")
    if len(found) > 1:
        named = ", ".join(sorted(Path(name).name for name in found))
        raise UserError(f"{KEY}: the package {package} carries {len(found)} GGUF files ({named}); give the path of one")
    file = Path(str(installed.locate_file(found[0])))
    if not file.is_file():
        raise UserError(f"{KEY}: {file} is missing, though {package} is installed; install it again")
    return file
