#!/usr/bin/env bash
# Airflow: what a `_CMD` setting prints is taken with the newline at its end.
#
# Guess:     AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD="cat FILE", or any command that prints a line, gives the line, as
#            `$(…)` does in a shell, and as Airflow's own `_SECRET` and plain settings do.
# Behaviour: the output is taken as it is. `echo postgresql://user@host/airflow` names a database "airflow\n", which is not
#            there; a secret of one machine differs from the same in another's environment by that newline, and tokens
#            that one signs are refused by the other. The command is split by shlex and started without a shell.
# Version:   apache-airflow-core 3.3.2, Python 3.11, seen on 2026-11-28.
# Source:    this script; airflow/_shared/configuration/parser.py, run_command. print without a newline (printf %s).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q apache-airflow-core==3.3.2
export AIRFLOW_HOME="$folder/home"
AIRFLOW__API_AUTH__JWT_SECRET_CMD="echo a-secret-of-two-machines" "$folder/venv/bin/python" - <<'PYTHON'
from airflow.configuration import conf

found = conf.get("api_auth", "jwt_secret")
print(repr(found))
assert found == "a-secret-of-two-machines\n"
PYTHON
AIRFLOW__API_AUTH__JWT_SECRET_CMD="printf %s a-secret-of-two-machines" "$folder/venv/bin/python" - <<'PYTHON'
from airflow.configuration import conf

assert conf.get("api_auth", "jwt_secret") == "a-secret-of-two-machines"
PYTHON
