"""Where things run and are kept. Nothing here changes a result, but for what Spark.deciding names."""

from pydantic import Field, field_validator

from configs.addresses import refuse_credentials
from configs.section import Section

LOCAL_JVM = "-XX:TieredStopAtLevel=1"
"""On one machine the JVM hands tasks to Python and joins a few columns. Compiling that further costs the cores
more than it gives: 105 s with it and 98 s without for 500,000 rows on two cores (docs/experiments.md)."""

SCHEDULING = (
    "spark.sql.shuffle.partitions",
    "spark.sql.adaptive.",
    "spark.sql.autoBroadcastJoinThreshold",
    "spark.sql.files.",
    "spark.sql.execution.arrow.",
)
"""Settings of Spark SQL that divide the work, and leave the rows as they are."""


class Storage(Section):
    """Artifacts and runs."""

    root: str = Field(
        "var",
        description="Folder of artifacts/ and runs/, relative to the working directory; or an address in an object "
        "store (s3://, gs://, abfs://, hdfs://), of which each machine has a cache below $PARLANCE_CACHE "
        "(~/.cache/parlance)",
    )
    cache_gb: float = Field(
        200, gt=0, description="Most that the cache of an object store's root may hold of artifacts and parts (GB)"
    )

    @field_validator("root")
    @classmethod
    def _without_credentials(cls, root: str) -> str:
        return refuse_credentials(root)


class Spark(Section):
    """The Spark session. Under Airflow the master comes from the connection spark_default."""

    master: str = Field("local[*]", description="Spark master for the command line")
    driver_memory: str = Field("2g", pattern=r"^\d+[mg]$", description="Memory of the driver, as 2g or 512m")
    conf: dict[str, str] = Field(default_factory=dict, description="Further Spark settings")
    from_rows: int = Field(
        20_000,
        ge=0,
        description="Fewer new rows are read, scored, cleaned and annotated in the stage's own process; up to 50 times "
        "as many are compared, joined, balanced and written there: Spark takes longer to start (0: always Spark)",
    )

    @property
    def deciding(self) -> dict[str, str]:
        """Settings that may change what a query means: they are part of acquire's fingerprint, and so of all after it.

        All of `spark.sql.` but SCHEDULING; what lies elsewhere says where and with how much memory Spark runs.
        """
        mine = (key for key in self.conf if key.startswith("spark.sql.") and not key.startswith(SCHEDULING))
        return {key: self.conf[key] for key in mine}
