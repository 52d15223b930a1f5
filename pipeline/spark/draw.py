"""Draws that are the same in every run and partitioning."""

from hashlib import sha256

import numpy as np
from pyspark.sql import Column
from pyspark.sql import functions as F


def uniform(seed: int, key: Column | str) -> Column:
    """A number from 0 to 1 that follows from the seed and a string: 52 bits of SHA-256."""
    digest = F.sha2(F.concat(F.lit(f"{seed}/"), F.col(key).cast("string") if isinstance(key, str) else key), 256)
    return F.conv(F.substring(digest, 1, 13), 16, 10).cast("double") / float(1 << 52)


def uniforms(seed: int, keys: np.ndarray) -> np.ndarray:
    """`uniform` of each of some strings or integers."""
    digests = (sha256(f"{seed}/{key}".encode()).hexdigest() for key in keys.tolist())
    return np.array([int(digest[:13], 16) for digest in digests]) / float(1 << 52)
