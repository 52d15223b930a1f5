"""What a model is measured by: one file a metric, and one row of METRICS in pipeline/contract/metrics.py."""
