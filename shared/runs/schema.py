"""The JSON schema of record.json, for those who read run folders without twotrack."""

from typing import Any

from twotrack.shared.runs.records import READABLE_VERSIONS, RunRecord
from twotrack.shared.runs.run_folder import HISTORY, PREDICTIONS, WEIGHTS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def record_schema() -> dict[str, Any]:
    """Return the schema that every record which this twotrack reads validates against."""
    schema = RunRecord.model_json_schema()
    files = (HISTORY, PREDICTIONS, WEIGHTS)
    schema["properties"] |= {
        "schema_version": {"type": "integer", "enum": list(READABLE_VERSIONS), "title": "Schema Version"},
        "files": {
            "type": "object",
            "title": "Files",
            "properties": dict.fromkeys(files, _SHA256),
            "required": list(files),
            "additionalProperties": _SHA256,
        },
    }
    return {"$schema": DIALECT, "title": "record.json of a twotrack run folder"} | {
        name: part for name, part in schema.items() if name != "title"
    }
