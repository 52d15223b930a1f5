"""Other tools on the same rows, when they are installed: seconds, rows a second and rows that they keep."""

import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

CORES = 2


def run_peer(name: str, corpus: Path, rows: int, root: Path) -> dict[str, object]:
    """One JSON line about a peer; the line says so when it is not installed.

    corpus: JSON Lines of prompt and response. The peers read one text a row, `prompt` and `response` joined.
    """
    module, run = PEERS[name]
    if importlib.util.find_spec(module) is None:
        return {
            "peer": name,
            "error": f"{name} is not installed; pip install {name} beside this project and call again",
        }
    folder = root / f"peer-{name}"
    folder.mkdir(exist_ok=True)
    started = time.monotonic()
    try:
        kept = run(corpus, folder)
    except subprocess.CalledProcessError as error:
        return {"peer": name, "error": f"{name} ended with exit status {error.returncode}; what it said is above"}
    seconds = time.monotonic() - started
    return {
        "peer": name,
        "rows": rows,
        "rows_out": kept,
        "seconds": round(seconds, 2),
        "rows_per_second": round(rows / seconds),
    }


def _polars(corpus: Path, folder: Path) -> int:
    """Only read, normalise, exact deduplication and write: the floor."""
    import polars as pl

    text = pl.concat_str("prompt", "response", separator="\n").str.to_lowercase().str.replace_all(r"\s+", " ")
    pl.scan_ndjson(corpus).with_columns(text=text).unique("text").sink_parquet(folder / "out.parquet")
    return pl.scan_parquet(folder / "out.parquet").select(pl.len()).collect().item()


def _duckdb(corpus: Path, folder: Path) -> int:
    """Only read, normalise, exact deduplication and write: the floor."""
    import duckdb

    text = r"regexp_replace(lower(prompt || chr(10) || response), '\s+', ' ', 'g')"
    out = folder / "out.parquet"
    connection = duckdb.connect(config={"threads": CORES})
    source = f"read_json('{corpus}', format = 'newline_delimited')"
    connection.execute(f"COPY (SELECT DISTINCT ON ({text}) * FROM {source}) TO '{out}' (FORMAT parquet)")
    return int(connection.sql(f"SELECT count(*) FROM '{out}'").limit(1).fetchall()[0][0])


def _datatrove(corpus: Path, folder: Path) -> int:
    """Gopher, C4 and FineWeb filters; then, over all rows, MinHash in its four steps with its usual setting.

    Its hash is sha1, because its own use of xxhash fails with xxhash 4.
    """
    subprocess.run([sys.executable, "-c", DATATROVE, str(corpus), str(folder), str(CORES)], check=True)
    return sum(path.read_bytes().count(b"\n") for path in (folder / "out").glob("*.jsonl"))


DATATROVE = """
import sys
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.utils.hashing import HashConfig
from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter
from datatrove.pipeline.filters import GopherRepetitionFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

corpus, folder, cores = sys.argv[1], sys.argv[2], int(sys.argv[3])
parent, name = corpus.rsplit("/", 1)


def adapter(self, data, path, id_in_file):
    return {"text": data["prompt"] + "\\n" + data["response"], "id": f"{path}/{id_in_file}", "metadata": {}}


def run(steps, tasks=cores):
    LocalPipelineExecutor(pipeline=steps, tasks=tasks, workers=min(cores, tasks), skip_completed=False).run()


if __name__ == "__main__":
    filters = [GopherRepetitionFilter(), GopherQualityFilter(), C4QualityFilter(), FineWebQualityFilter()]
    run([JsonlReader(parent, glob_pattern=name, adapter=adapter), *filters,
         JsonlWriter(f"{folder}/kept", compression=None)], tasks=1)
    config = MinhashConfig(hash_config=HashConfig(hash_fc="sha1"))
    signatures = MinhashDedupSignature(f"{folder}/signatures", config=config)
    run([JsonlReader(parent, glob_pattern=name, adapter=adapter), signatures], tasks=1)
    run([MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config)], tasks=14)
    run([MinhashDedupCluster(f"{folder}/buckets", f"{folder}/removed", config=config)], tasks=1)
    run([JsonlReader(parent, glob_pattern=name, adapter=adapter), MinhashDedupFilter(f"{folder}/removed"),
         JsonlWriter(f"{folder}/out", compression=None)], tasks=1)
"""


PEERS: dict[str, tuple[str, Callable[[Path, Path], int]]] = {
    "datatrove": ("datatrove", _datatrove),
    "duckdb": ("duckdb", _duckdb),
    "polars": ("polars", _polars),
}
"""Name to (module whose presence says that it is installed, what runs it and returns the rows kept)."""
