"""Problems that prevent publishing a working copy: its conversion to the file format, checked by the schema."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from marshmallow import ValidationError

from tracker.errors import Invalid
from tracker.units.documents import UnitDocument
from tracker.units.drafting.working_copy import (
    CRITERION_FIELDS,
    KINDS,
    NOT_IN_FORMAT,
    DraftCriterion,
    WorkingCopy,
    list_children,
)
from tracker.units.schema import UnitSchema
from tracker.vocabulary import CriterionKind


@dataclass(frozen=True)
class DraftProblem:
    """A problem that prevents publishing: the entry and field it is about, and the message."""

    key: str | None
    field: str | None
    message: str


def build_unit(working: WorkingCopy) -> UnitDocument:
    """Return the unit that the copy states.

    Raises:
        Invalid: The copy has a problem; the message is that of the first one.
    """
    written, _ = _convert_to_format(working)
    try:
        unit: UnitDocument = UnitSchema().load(written)
    except ValidationError:
        faults = list_problems(working)
        raise Invalid(faults[0].message, faults[0].field) from None
    return unit


def list_problems(working: WorkingCopy) -> list[DraftProblem]:
    """List everything that prevents publishing, as the schema finds it."""
    written, keys = _convert_to_format(working)
    try:
        UnitSchema().load(written)
    except ValidationError as error:
        return [_make_problem(path, sentence, keys) for path, sentence in _list_messages(error.messages)]
    return []


def check_no_worse(before: WorkingCopy, after: WorkingCopy) -> WorkingCopy:
    """Return the changed copy.

    Raises:
        Invalid: The change caused a problem that was not there before.
    """
    known = {(each.field, each.message) for each in list_problems(before)}
    for each in list_problems(after):
        if (each.field, each.message) not in known:
            raise Invalid(each.message, each.field)
    return after


# --- conversion to the file format ------------------------------------------------------------------------

Path = tuple[str | int, ...]


def _convert_to_format(working: WorkingCopy) -> tuple[dict[str, Any], dict[Path, str]]:
    """Return the content of the file that the copy stands for, and the key of the entry at each path in it."""
    keys: dict[Path, str] = {}
    document = working.as_json()
    result = _drop_none({key: value for key, value in document.items() if key not in NOT_IN_FORMAT})
    result["metadata"] = _drop_none(document["metadata"])
    result["evidence_requirements"] = []
    for number, each in enumerate(working.evidence_requirements):
        keys["evidence_requirements", number] = each.key
        result["evidence_requirements"].append({"label": each.label, "text": each.text, "points": each.points})
    for name in ("overview", "scope"):
        result[name] = [_drop_none(each) for each in document[name]]
    for kind in KINDS:
        result[kind.value] = _convert_groups(working, kind, keys)
    return result, keys


def _convert_groups(working: WorkingCopy, kind: CriterionKind, keys: dict[Path, str]) -> list[dict[str, Any]]:
    tops = [each for each in list_children(working, None) if each.kind == kind]
    groups: list[dict[str, Any]] = []
    for heading, entries in groupby(tops, key=lambda each: each.heading):
        items = _convert_items(working, entries, (kind.value, len(groups), "items"), keys)
        groups.append(_drop_none({"heading": heading, "items": items}))
    return groups


def _convert_items(
    working: WorkingCopy, entries: Iterable[DraftCriterion], path: Path, keys: dict[Path, str]
) -> list[dict[str, Any]]:
    result = []
    for number, each in enumerate(entries):
        keys[*path, number] = each.key
        item = _drop_none({name: getattr(each, name) for name in CRITERION_FIELDS})
        item["items"] = _convert_items(working, list_children(working, each.key), (*path, number, "items"), keys)
        result.append(item)
    return result


def _drop_none(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value is not None}


def _list_messages(messages: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(messages, Mapping):
        for step, inner in messages.items():
            yield from _list_messages(inner, path if step == "_schema" else (*path, step))
        return
    for sentence in messages if isinstance(messages, list) else [messages]:
        yield path, str(sentence)


def _make_problem(path: Path, sentence: str, keys: Mapping[Path, str]) -> DraftProblem:
    """Return the schema's message as a whole sentence, without the advice for people who write files."""
    key = next((keys[path[:end]] for end in range(len(path), 0, -1) if path[:end] in keys), None)
    named = [step for step in path if isinstance(step, str) and step not in {"items", "metadata"}]
    field = named[-1] if named else None
    text = sentence.replace(", or remove the key", "").replace("write them under performance or knowledge", "")
    if field in {*KINDS, "evidence_requirements"}:
        what = "evidence requirements have" if field == "evidence_requirements" else f"{field} statements have"
        return DraftProblem(key, "label", f"The {what} {text.removeprefix('has ')}.")
    if field is None:
        return DraftProblem(None, None, f"The unit {text.rstrip(': ')}.")
    return DraftProblem(key, field, f"The {field.replace('_', ' ')} {text}.")
