"""Data sets of the Hugging Face hub, as Parquet files."""

from pathlib import Path

from datasets import Dataset, load_dataset
from datasets.exceptions import DatasetsError

from configs.acquire import Source
from configs.errors import UserError

SHARD_BYTES = 256 << 20


def download(source: Source, folder: Path) -> list[tuple[str, Path]]:
    """Writes the source's split as Parquet files under `folder`; returns (name, path) of each.

    Raises UserError naming the data set when it cannot be had: offline, gated, misspelt.
    """
    label = f"acquire.sources: {source.name}: hub data set {source.hub}"
    assert source.hub is not None
    try:
        found = load_dataset(source.hub, source.hub_config, split=source.split)
        assert isinstance(found, Dataset), f"{type(found).__name__} instead of one split"
        folder.mkdir(parents=True, exist_ok=True)
        count = max(1, -(-found.data.nbytes // SHARD_BYTES))
        files = []
        for index in range(count):
            name = f"{source.split.replace('/', '_')}-{index:05d}.parquet"
            found.shard(count, index, contiguous=True).to_parquet(folder / name)
            files.append((name, folder / name))
    except (OSError, ValueError, RuntimeError, DatasetsError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{label} cannot be loaded ({reason}); check name, configuration, split and network, "
            "log in if it is gated, or download it and set path instead of hub"
        ) from error
    return files
