#!/bin/sh
# Airflow's database, the pool of the GPUs, and the user admin, whose password is in $ADMIN_PASSWORD_FILE.
set -eu
airflow db migrate
airflow pools set gpu 1 "Training: one run at a time on the GPUs"
password=$(cat "$ADMIN_PASSWORD_FILE")
airflow users create --username admin --role Admin --firstname Parlance --lastname Admin --email admin@localhost \
  --password "$password"
