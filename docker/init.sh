#!/bin/sh
# Airflow's database, the pool of the GPUs, and the user admin, whose password is the secret admin_password.
set -eu
airflow db migrate
airflow pools set gpu 1 "Training: one run at a time on the GPUs"
password=$(cat /run/secrets/admin_password)
airflow users create --username admin --role Admin --firstname Parlance --lastname Admin --email admin@localhost \
  --password "$password"
