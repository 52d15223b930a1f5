"""What a task read and made, as OpenLineage data sets, for Airflow's provider to send where its transport says.

An artifact is the data set `file`, with its path: namespace and name as OpenLineage names files. So the output of one
task is the input of the next, and of whatever else reads the folder.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.addresses import bucket_and_key, is_address, joined, last_name
from pipeline.contract.artifact import Artifact
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES, stages_of
from plugins.opened_run import open_run

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset


class TellsLineage:
    """For operators with `stage_task` and `run_folder`: what the provider asks them when they have ended."""

    stage_task: str
    run_folder: str

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> "OperatorLineage":  # noqa: ARG002
        from airflow.providers.openlineage.extractors import OperatorLineage

        if not stages_of(self.stage_task):
            return OperatorLineage()
        return lineage_of(open_run(self.run_folder), self.stage_task)


def lineage_of(run: Run, task: str) -> "OperatorLineage":
    """The artifacts that a task's stages made and what they were made of, as far as they are there."""
    from airflow.providers.openlineage.extractors import OperatorLineage

    stages = stages_of(task)
    made = {stage.name: artifact for stage in stages if (artifact := run.find(stage.name))}
    read = {name for stage in stages for name in stage.inputs} - made.keys()
    inputs = [_input(artifact) for name in sorted(read) if (artifact := run.find(name))]
    return OperatorLineage(
        inputs=[*inputs, *(found for name in made for found in _raw(run, name))],
        outputs=[_output(artifact) for artifact in made.values()],
    )


def _input(artifact: Artifact) -> "InputDataset":
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import input_statistics_input_dataset as of

    return InputDataset(
        namespace="file",
        name=str(artifact.path),
        facets=_facets(artifact),
        inputFacets={"inputStatistics": of.InputStatisticsInputDatasetFacet(**_statistics(artifact))},
    )


def _output(artifact: Artifact) -> "OutputDataset":
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as of

    return OutputDataset(
        namespace="file",
        name=str(artifact.path),
        facets=_facets(artifact),
        outputFacets={
            "outputStatistics": of.OutputStatisticsOutputDatasetFacet(**_statistics(artifact)),
            "parlance_ledger": _ledger(artifact),
        },
    )


def _facets(artifact: Artifact) -> dict[str, Any]:
    """The fingerprint as version, and the columns of data/, where it has rows."""
    from openlineage.client.facet_v2 import dataset_version_dataset, schema_dataset

    facets: dict[str, Any] = {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=artifact.path.name)
    }
    files = sorted(artifact.parquet().glob("*.parquet"))
    if files:
        import pyarrow.parquet as pq

        columns = [
            schema_dataset.SchemaDatasetFacetFields(name=field.name, type=str(field.type))
            for field in pq.read_schema(files[0])
        ]
        facets["schema"] = schema_dataset.SchemaDatasetFacet(fields=columns)
    return facets


def _statistics(artifact: Artifact) -> dict[str, Any]:
    files = artifact.manifest["files"]
    size = sum(file["bytes"] for file in files)
    return {"rowCount": artifact.ledger.rows_out, "size": size, "fileCount": len(files)}


def _ledger(artifact: Artifact) -> Any:
    """A facet of our own: rows in and out, dropped and added by rule, and what the stage took."""
    from openlineage.client.generated.base import OutputDatasetFacet

    ledger, stage = artifact.ledger, artifact.manifest["stage"]
    return OutputDatasetFacet().with_additional_properties(
        stage=stage,
        stageVersion=artifact.manifest["version"],
        rowsIn=ledger.rows_in,
        rowsOut=ledger.rows_out,
        dropped=dict(ledger.dropped),
        added=dict(ledger.added),
        seconds=artifact.manifest.get("timing", {}).get("seconds"),
    )


def _raw(run: Run, name: str) -> "list[InputDataset]":
    """The sources of a stage that reads files of the profile's; of others nothing, as their files are settings."""
    if STAGES[name].holds != "raw conversations":
        return []
    taken = run.outcomes().get(name, {}).get("raw") or {}
    found = []
    for source in run.profile.acquire.sources:
        if source.package or source.hub:
            space, names = ("pypi" if source.package else "huggingface"), {source.package or source.hub: source.name}
        else:
            assert source.path is not None
            start = f"{source.name}/"
            labels = [label for label in taken if label.startswith(start)]
            if is_address(source.path):
                space, key = bucket_and_key(source.path)
                one = len(labels) == 1 and labels[0].removeprefix(start) == last_name(key)
                for label in labels:
                    held = key if one else joined(key, label.removeprefix(start))
                    found.append(_dataset(space, held, taken.get(label, "")))
                continue
            path = Path(source.path)
            folder = path.parent if path.is_file() else path
            space, names = "file", {str((folder / label.removeprefix(start)).resolve()): label for label in labels}
        for named, label in names.items():
            found.append(_dataset(space, str(named), taken.get(label, "")))
    return found


def _dataset(space: str, name: str, version: str) -> "InputDataset":
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import dataset_version_dataset

    told = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version)
    return InputDataset(namespace=space, name=name, facets={"version": told})
