#!/usr/bin/env bash
# Airflow: an asset whose address has a host and no path is another one than was written.
#
# Guess:     Asset(uri="parlance://conversations") is found under that address: in the API's `uri_pattern`, in the list of
#            assets, in a message that names it. A scheme that Airflow has no provider for is left as it is.
# Behaviour: the address is normalised, whatever the scheme unless that begins with "x-", and an empty path becomes "/": the
#            asset's uri is "parlance://conversations/", while its name, taken from the same argument, is
#            "parlance://conversations". Who looks for the asset by the address that was written finds none. With a path nothing
#            is added, and a slash at its end is taken away.
# Version:   apache-airflow-task-sdk 1.3.2 (Airflow 3.3.2), Python 3.11, seen on 2026-11-28.
# Source:    this script; airflow/sdk/definitions/asset/__init__.py, _sanitize_uri.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q apache-airflow-core==3.3.2
AIRFLOW_HOME="$folder/home" "$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

from airflow.sdk import Asset

print("apache-airflow-task-sdk", version("apache-airflow-task-sdk"))
short, long = (Asset(uri=f"parlance://conversations{rest}") for rest in ("", "/new"))
print(repr(short.uri), repr(short.name), repr(long.uri))
assert (short.uri, short.name) == ("parlance://conversations/", "parlance://conversations")
assert Asset(uri="x-parlance://conversations").uri == "x-parlance://conversations"
assert long.uri == Asset(uri=f"{long.uri}/").uri == "parlance://conversations/new"
PYTHON
