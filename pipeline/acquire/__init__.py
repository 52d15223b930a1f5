"""How raw conversations lie in files: containers (JSON, CSV, Parquet, gzip) and shapes (Alpaca, ShareGPT, …).

A container yields records; a shape turns one record into a conversation. Neither knows Spark.
"""
