"""The table of keys, published: as JSON schema (`auditor schema config`) and as the list of keys in the reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, assert_never

from auditor.config.keys import FILE, RECORDS
from auditor.config.levels import GRADED
from auditor.config.shape import Choice, Day, Either, Flag, Many, Record, Shape, Table, Text, Whole
from auditor.limits import DEFAULT

SCHEMA_ID: Final = "auditor-config/v1"


def json_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of `auditor.yaml`: what an editor can check. The loader checks more."""
    schema = record_schema(FILE, SCHEMA_ID, "auditor.yaml")
    schema["properties"]["rules"]["propertyNames"] = {"enum": list(GRADED)}
    return schema


def record_schema(record: Record, name: str, title: str) -> dict[str, Any]:
    """The JSON schema (2020-12) of a file that is one record."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{name}",
        "title": title,
        **_record(record),
    }


def _schema(shape: Shape) -> dict[str, Any]:
    match shape:
        case Text():
            return _text(shape)
        case Choice():
            return {"enum": list(shape.words)}
        case Flag():
            return {"type": "boolean"}
        case Whole():
            return {"type": "integer", "minimum": shape.least, "maximum": shape.most}
        case Day():
            return {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
        case Many():
            item = _schema(shape.item)
            return {"anyOf": [item, {"type": "array", "items": item, **({} if shape.empty else {"minItems": 1})}]}
        case Table():
            return {"type": "object", "additionalProperties": _schema(shape.value)}
        case Record():
            return _record(shape)
        case Either():
            return {"anyOf": [_schema(shape.text), _record(shape.record)]}
        case _:  # pragma: no cover
            assert_never(shape)


def _text(shape: Text) -> dict[str, Any]:
    types = ["string", "number", "boolean"] if shape.loose else "string"
    schema: dict[str, Any] = {"type": types, "minLength": 1, "maxLength": DEFAULT.text}
    if shape.pattern:
        schema["pattern"] = f"^(?:{shape.pattern})$"
    return schema


def _record(record: Record) -> dict[str, Any]:
    properties = {name: {"description": key.doc, **_schema(key.shape)} for name, key in record.keys.items()}
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required := [name for name, key in record.keys.items() if key.required]:
        schema["required"] = required
    if record.forms:
        schema["oneOf"] = [{"required": [form]} for form in record.forms]
    return schema


# ── the reference's list of keys ─────────────────────────────────────────────────────────────────────────────────────────


def reference() -> str:
    """Every key with its sentence, as Markdown tables: part of `docs/reference/auditor-yaml.md`."""
    return "\n".join(line for where, record in RECORDS.items() for line in _table(where, record)).rstrip() + "\n"


def _table(where: str, record: Record) -> Iterator[str]:
    yield f"### `{where}`" if where else "### The file"
    yield ""
    yield "| key | value | meaning |"
    yield "|---|---|---|"
    for name, key in record.keys.items():
        mark = " (required)" if key.required else ""
        yield f"| `{name}`{mark} | {_value(key.shape)} | {key.doc.replace('|', chr(92) + '|')} |"
    yield ""


def _value(shape: Shape) -> str:
    match shape:
        case Text():
            return "text"
        case Choice():
            return "one of the rules" if len(shape.words) > 6 else " · ".join(f"`{word}`" for word in shape.words)
        case Flag():
            return "`true` · `false`"
        case Whole():
            return f"`{shape.least}`" if shape.least == shape.most else "number"
        case Day():
            return "date"
        case Many():
            return f"{_value(shape.item)}, or a list"
        case Table():
            return f"mapping by {shape.key}"
        case Record():
            return "mapping"
        case Either():
            return f"{_value(shape.text)} · mapping"
        case _:  # pragma: no cover
            assert_never(shape)
