-- Beside Airflow's own database, which the image makes.
CREATE DATABASE mlflow OWNER airflow;
