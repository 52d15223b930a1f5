#!/usr/bin/env bash
# datasets: one message with one key more turns every message of a Parquet file into a JSON string.
#
# Guess:     messages read from JSON Lines come out of `to_parquet` as a list of structs; a key that only some
#            messages have (a weight, a name, a tool call's id) is a field that is null elsewhere, as
#            `Dataset.from_list` makes it from the same records.
# Behaviour: `load_dataset("json")` gives such a column the type List(Json), and the Parquet file holds
#            list<extension<arrow.json>>: whoever reads it and does not know that type finds strings with quotes and
#            braces where role and content were fields. Without the extra key the same code writes structs, so whether a
#            file can be read as before depends on one message among millions.
# Version:   datasets 5.2.0 with pyarrow 25.0.1, Python 3.11, seen on 2026-11-28:
#            plain:    list<element: struct<role: string, content: string>>
#            optional: list<element: extension<arrow.json>>, first message {"role":"user","content":"4"} as a string
# Source:    this script; what a reader makes of the type: github.com/pola-rs/polars/issues/27219.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q datasets==5.2.0 pyarrow==25.0.1
HF_HUB_OFFLINE=1 HF_HOME="$folder/home" "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import json
import sys
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

datasets.disable_progress_bars()
folder = Path(sys.argv[1])


def written(name, rows):
    """The messages column of the Parquet file that these records become."""
    lines = folder / f"{name}.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    loaded = datasets.load_dataset("json", data_files=str(lines), split="train", cache_dir=str(folder / name))
    loaded.to_parquet(str(folder / f"{name}.parquet"))
    return pq.read_table(folder / f"{name}.parquet")["messages"]


plain = [{"messages": [{"role": "user", "content": "4"}]}, {"messages": [{"role": "user", "content": "a"}]}]
optional = json.loads(json.dumps(plain))
optional[1]["messages"][0]["weight"] = 0
one, other = written("plain", plain), written("optional", optional)
print("plain:   ", one.type)
print("optional:", other.type, other[0].as_py()[0])
made = datasets.Dataset.from_list(optional).features["messages"].feature
print("from_list of the same records:", made)
assert pa.types.is_struct(one.type.value_type)
assert "json" in str(other.type.value_type)
assert json.loads(other[0].as_py()[0]) == {"role": "user", "content": "4"}
assert set(made) == {"role", "content", "weight"}
PYTHON
