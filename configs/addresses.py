"""Addresses in object stores, as `datasets` and Spark's users write them: s3://bucket/folder."""

import re
from urllib.parse import urlsplit

STORES = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gs",
    "gcs": "gs",
    "abfs": "abfs",
    "abfss": "abfs",
    "hdfs": "hdfs",
}
"""Scheme to fsspec's name of the store that it is of."""

PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "abfs": "adlfs", "hdfs": "pyarrow"}
"""Store to the package that talks to it."""

CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or the machine's role, and AWS_ENDPOINT_URL",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS or the machine's account",
    "abfs": "AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY, or the machine's identity",
    "hdfs": "HADOOP_CONF_DIR, CLASSPATH and a Kerberos ticket",
}
"""Store to what its package reads from the environment."""


def is_address(text: str) -> bool:
    """Whether a text is an address in an object store, not a path."""
    scheme, separator, _ = text.partition("://")
    return bool(separator) and scheme.lower() in STORES


def store_of(address: str) -> str:
    """fsspec's name of the store that an address is in."""
    return STORES[address.partition("://")[0].lower()]


def refuse_credentials(address: str) -> str:
    """The address, without a slash at its end. Raises ValueError for one that holds a credential or no bucket."""
    if not is_address(address):
        return address
    found = urlsplit(address)
    store = store_of(address)
    who = found.netloc.rpartition("@")[0]
    if ":" in who or (who and store in ("s3", "gs")) or found.query:
        raise ValueError(
            "an address holds no credential; they come from the environment "
            f"({CREDENTIALS[store]}) or from an Airflow connection (PARLANCE_STORE_CONNECTION)"
        )
    if not found.netloc:
        raise ValueError(f"an address names a bucket, as {found.scheme}://bucket/folder")
    return address.rstrip("/")


def joined(address: str, *names: str) -> str:
    """The address of what lies under another one."""
    return "/".join((address.rstrip("/"), *names))


def bucket_and_key(address: str) -> tuple[str, str]:
    """s3://bucket and the rest, as OpenLineage names what lies in object stores."""
    scheme, _, rest = address.partition("://")
    bucket, _, key = rest.partition("/")
    return f"{scheme}://{bucket}", key


def last_name(address: str) -> str:
    """The last part of an address's path; of a bucket, its name."""
    return re.split(r"/+", address.rstrip("/"))[-1]
