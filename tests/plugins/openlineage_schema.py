"""What OpenLineage's specification 2-0-2 demands of a run event, as a JSON schema: which keys there must be, and of
which type, of the event, its run, its job, its data sets, and of every facet."""

from typing import Any

from jsonschema import Draft202012Validator

URI = {"type": "string", "format": "uri", "pattern": "^[a-z][a-z0-9+.-]*:"}
TEXT = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 0}


def _object(needed: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "required": [*needed], "properties": {**needed, **more}}


def _facets(**known: Any) -> dict[str, Any]:
    """Facets by name; all name their producer and their schema."""
    return {
        "type": "object",
        "properties": known,
        "additionalProperties": FACET,
    }


FACET = _object({"_producer": URI, "_schemaURL": URI})
STATISTICS = _object({"_producer": URI, "_schemaURL": URI}, rowCount=COUNT, size=COUNT, fileCount=COUNT)
COLUMNS = {"type": "array", "items": _object({"name": TEXT}, type={"type": "string"})}
OF_DATASET = _facets(
    version=_object({"_producer": URI, "_schemaURL": URI, "datasetVersion": {"type": "string"}}),
    schema=_object({"_producer": URI, "_schemaURL": URI}, fields=COLUMNS),
)
DATASET = {"namespace": TEXT, "name": TEXT}
EVENT = _object(
    {
        "eventTime": {"type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"},
        "producer": URI,
        "schemaURL": URI,
        "run": _object({"runId": {"type": "string", "format": "uuid", "pattern": "^[0-9a-f-]{36}$"}}, facets=_facets()),
        "job": _object({"namespace": TEXT, "name": TEXT}, facets=_facets()),
    },
    eventType={"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
    inputs={
        "type": "array",
        "items": _object(DATASET, facets=OF_DATASET, inputFacets=_facets(inputStatistics=STATISTICS)),
    },
    outputs={
        "type": "array",
        "items": _object(DATASET, facets=OF_DATASET, outputFacets=_facets(outputStatistics=STATISTICS)),
    },
)


def faults(event: dict[str, Any]) -> list[str]:
    """A line for each place where the event is not as the specification demands."""
    checker = Draft202012Validator(EVENT)
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(event)]
