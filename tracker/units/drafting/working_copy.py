"""The working copy of a unit: built from a reading, converted to the file format and checked by its schema."""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from marshmallow import ValidationError

from tracker.errors import Invalid
from tracker.units.documents import UnitDocument
from tracker.units.schema import UnitSchema
from tracker.vocabulary import CriterionKind

Working = dict[str, Any]
DraftEntry = dict[str, Any]

KINDS = tuple(kind.value for kind in CriterionKind)
CRITERION_FIELDS = (
    "label",
    "label_origin",
    "text",
    "assessable",
    "points",
    "selection",
    "simulation_allowed",
    "note",
)
NOT_IN_FORMAT = ("warnings", "unparsed", "dropped", "places", "made", "criteria", "dates")
"""What a working copy holds besides the keys of the file format."""


@dataclass(frozen=True)
class DraftProblem:
    """A problem that prevents publishing: the entry and field it is about, and the message."""

    key: str | None
    field: str | None
    message: str


def start_working_copy(reading: Mapping[str, Any]) -> Working:
    """Return the first working copy of a reading; `places` holds the source lines of each key."""
    result: Working = {key: deepcopy(value) for key, value in reading.items() if key not in {"dates", "places"}}
    result["criteria"] = [_make_entry(each) for each in reading["criteria"]]
    requirements = enumerate(reading["evidence_requirements"], start=1)
    result["evidence_requirements"] = [
        {"key": f"q{number}", "label": each["label"], "text": each["text"], "points": list(each["points"])}
        for number, each in requirements
    ]
    result["warnings"] = [{**each, "settled": False} for each in reading.get("warnings", [])]
    result["unparsed"] = [{**each, "placed": False} for each in reading.get("unparsed", [])]
    result["places"] = {f"r{position}": list(lines) for position, lines in reading.get("places", {}).items()}
    return {**result, "dropped": [], "made": 0}


def convert_to_reading(working: Working) -> dict[str, Any]:
    """Return the copy as a reading without doubts and unused text, so that a new working copy can start from it."""
    position = {each["key"]: number for number, each in enumerate(working["criteria"], start=1)}
    unit = {key: deepcopy(value) for key, value in working.items() if key not in NOT_IN_FORMAT}
    unit["criteria"] = [
        {
            "position": position[each["key"]],
            "parent": position.get(each["parent"]),
            **{key: deepcopy(each[key]) for key in ("kind", "heading", *CRITERION_FIELDS)},
        }
        for each in working["criteria"]
    ]
    unit["evidence_requirements"] = [
        {"position": number, **{key: deepcopy(each[key]) for key in ("label", "text", "points")}}
        for number, each in enumerate(working["evidence_requirements"], start=1)
    ]
    places = {str(position[key]): lines for key, lines in working["places"].items() if key in position}
    return {**unit, "warnings": [], "unparsed": [], "places": places}


def build_unit(working: Working) -> UnitDocument:
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


def list_problems(working: Working) -> list[DraftProblem]:
    """List everything that prevents publishing, as the schema finds it."""
    written, keys = _convert_to_format(working)
    try:
        UnitSchema().load(written)
    except ValidationError as error:
        return [_make_problem(path, sentence, keys) for path, sentence in _list_messages(error.messages)]
    return []


def check_no_worse(before: Working, after: Working) -> Working:
    """Return the changed copy.

    Raises:
        Invalid: The change caused a problem that was not there before.
    """
    known = {(each.field, each.message) for each in list_problems(before)}
    for each in list_problems(after):
        if (each.field, each.message) not in known:
            raise Invalid(each.message, each.field)
    return after


# --- entries ----------------------------------------------------------------------------------------------


def copy_working(working: Working) -> Working:
    """Return a deep copy that can be changed."""
    return deepcopy(working)


def new_key(working: Working) -> str:
    """Return a key for an entry added on screen, and count it."""
    working["made"] += 1
    return f"n{working['made']}"


def next_number(taken: set[str]) -> str:
    """Return the first number that is free as a label."""
    return str(next(number for number in range(1, len(taken) + 2) if str(number) not in taken))


def find_entry(entries: Iterable[DraftEntry], key: str | None) -> DraftEntry | None:
    """Find the entry with this key."""
    return next((each for each in entries if each["key"] == key), None)


def get_criterion(working: Working, key: str) -> DraftEntry:
    """Return the criterion with this key. Raises `Invalid` if it is gone."""
    return find_entry(working["criteria"], key) or _raise_missing()


def get_requirement(working: Working, key: str) -> DraftEntry:
    """Return the evidence requirement with this key. Raises `Invalid` if it is gone."""
    return find_entry(working["evidence_requirements"], key) or _raise_missing()


def list_children(working: Working, key: str | None) -> list[DraftEntry]:
    """List the items directly under a criterion; with None, the top criteria."""
    return [each for each in working["criteria"] if each["parent"] == key]


def list_with_items(working: Working, key: str) -> list[DraftEntry]:
    """List a criterion and all items under it, in order."""
    result = [get_criterion(working, key)]
    for child in list_children(working, key):
        result += list_with_items(working, child["key"])
    return result


def sort_criteria(working: Working) -> None:
    """Put performance before knowledge, and each item after its stem with the stem's kind and heading."""
    keys = {each["key"] for each in working["criteria"]}
    for each in working["criteria"]:
        each["parent"] = each["parent"] if each["parent"] in keys else None
    tops = [each for kind in KINDS for each in list_children(working, None) if each["kind"] == kind]
    ordered: list[DraftEntry] = []
    for top in tops:
        tree = list_with_items(working, top["key"])
        for each in tree:
            each["kind"], each["heading"] = top["kind"], top["heading"]
        ordered += tree
    working["criteria"] = ordered


# --- conversion to the file format ------------------------------------------------------------------------

Path = tuple[str | int, ...]


def _make_entry(criterion: Mapping[str, Any]) -> DraftEntry:
    parent = criterion["parent"]
    entry = {key: deepcopy(value) for key, value in criterion.items() if key not in {"position", "parent"}}
    return {**entry, "key": f"r{criterion['position']}", "parent": f"r{parent}" if parent else None}


def _convert_to_format(working: Working) -> tuple[dict[str, Any], dict[Path, str]]:
    """Return the content of the file that the copy stands for, and the key of the entry at each path in it."""
    keys: dict[Path, str] = {}
    result = {key: value for key, value in working.items() if key not in NOT_IN_FORMAT and value is not None}
    result["metadata"] = {key: value for key, value in working["metadata"].items() if value is not None}
    result["evidence_requirements"] = []
    for number, each in enumerate(working["evidence_requirements"]):
        keys["evidence_requirements", number] = each["key"]
        result["evidence_requirements"].append({key: each[key] for key in ("label", "text", "points")})
    for name in ("overview", "scope"):
        result[name] = [_drop_none(each) for each in working[name]]
    for kind in KINDS:
        result[kind] = _convert_groups(working, kind, keys)
    return result, keys


def _convert_groups(working: Working, kind: str, keys: dict[Path, str]) -> list[dict[str, Any]]:
    tops = [each for each in list_children(working, None) if each["kind"] == kind]
    groups: list[dict[str, Any]] = []
    for heading, entries in groupby(tops, key=lambda each: each["heading"]):
        items = _convert_items(working, entries, (kind, len(groups), "items"), keys)
        groups.append(_drop_none({"heading": heading, "items": items}))
    return groups


def _convert_items(
    working: Working, entries: Iterable[DraftEntry], path: Path, keys: dict[Path, str]
) -> list[dict[str, Any]]:
    result = []
    for number, each in enumerate(entries):
        keys[*path, number] = each["key"]
        item = _drop_none({key: each[key] for key in CRITERION_FIELDS})
        item["items"] = _convert_items(working, list_children(working, each["key"]), (*path, number, "items"), keys)
        result.append(item)
    return result


def _drop_none(entry: DraftEntry) -> DraftEntry:
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


def _raise_missing() -> Any:
    raise Invalid("It no longer exists. Reload the page.")
