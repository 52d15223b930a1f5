"""Where things run and are kept. Nothing here changes a result."""

from pydantic import Field

from configs.section import Section

LOCAL_JVM = "-XX:TieredStopAtLevel=1"
"""On one machine the JVM hands tasks to Python and joins a few columns. Compiling that further costs the cores
more than it gives: 105 s with it and 98 s without for 500,000 rows on two cores (docs/experiments.md)."""


class Storage(Section):
    """Artifacts and runs."""

    root: str = Field("var", description="Folder of artifacts/ and runs/; relative to the working directory")


class Spark(Section):
    """The Spark session. Under Airflow the master comes from the connection spark_default."""

    master: str = Field("local[*]", description="Spark master for the command line")
    driver_memory: str = Field("2g", pattern=r"^\d+[mg]$", description="Memory of the driver, as 2g or 512m")
    conf: dict[str, str] = Field(default_factory=dict, description="Further Spark settings")
