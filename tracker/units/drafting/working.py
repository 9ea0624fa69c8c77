"""A working copy: begun from a reading, written as the format has it, and checked by the one schema."""

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
Entry = dict[str, Any]

KINDS = tuple(kind.value for kind in CriterionKind)
CRITERION_KEYS = ("label", "label_origin", "text", "assessable", "points", "selection", "simulation_allowed", "note")
NOT_OF_THE_UNIT = ("warnings", "unparsed", "dropped", "places", "made", "criteria", "dates")
"""What a working copy holds beside the keys of the format."""


@dataclass(frozen=True)
class Fault:
    """What keeps a working copy from being published: the entry and the field it is about, and the sentence."""

    key: str | None
    field: str | None
    sentence: str


def begin(reading: Mapping[str, Any]) -> Working:
    """A reading as its first working copy; `places` names the source lines of each criterion by its position."""
    found: Working = {key: deepcopy(value) for key, value in reading.items() if key not in {"dates", "places"}}
    found["criteria"] = [_keyed(each) for each in reading["criteria"]]
    requirements = enumerate(reading["evidence_requirements"], start=1)
    found["evidence_requirements"] = [
        {"key": f"q{number}", "label": each["label"], "text": each["text"], "points": list(each["points"])}
        for number, each in requirements
    ]
    found["warnings"] = [{**each, "settled": False} for each in reading.get("warnings", [])]
    found["unparsed"] = [{**each, "placed": False} for each in reading.get("unparsed", [])]
    found["places"] = {f"r{position}": list(lines) for position, lines in reading.get("places", {}).items()}
    return {**found, "dropped": [], "made": 0}


def as_reading(working: Working) -> dict[str, Any]:
    """The other way round: the copy as though it had been read so, with nothing left in doubt."""
    position = {each["key"]: number for number, each in enumerate(working["criteria"], start=1)}
    unit = {key: deepcopy(value) for key, value in working.items() if key not in NOT_OF_THE_UNIT}
    unit["criteria"] = [
        {
            "position": position[each["key"]],
            "parent": position.get(each["parent"]),
            **{key: deepcopy(each[key]) for key in ("kind", "heading", *CRITERION_KEYS)},
        }
        for each in working["criteria"]
    ]
    unit["evidence_requirements"] = [
        {"position": number, **{key: deepcopy(each[key]) for key in ("label", "text", "points")}}
        for number, each in enumerate(working["evidence_requirements"], start=1)
    ]
    places = {str(position[key]): lines for key, lines in working["places"].items() if key in position}
    return {**unit, "warnings": [], "unparsed": [], "places": places}


def as_unit(working: Working) -> UnitDocument:
    """The unit that the copy states. Raises `Invalid` with the first thing that is wrong."""
    written, _ = _written(working)
    try:
        unit: UnitDocument = UnitSchema().load(written)
    except ValidationError:
        faults = list_faults(working)
        raise Invalid(faults[0].sentence, faults[0].field) from None
    return unit


def list_faults(working: Working) -> list[Fault]:
    """Everything that keeps the copy from being published, as the schema finds it."""
    written, keys = _written(working)
    try:
        UnitSchema().load(written)
    except ValidationError as error:
        return [_fault(path, sentence, keys) for path, sentence in _sentences(error.messages)]
    return []


def check_no_worse(before: Working, after: Working) -> Working:
    """The changed copy; raises `Invalid` when the change brought a fault that was not there."""
    known = {(each.field, each.sentence) for each in list_faults(before)}
    for each in list_faults(after):
        if (each.field, each.sentence) not in known:
            raise Invalid(each.sentence, each.field)
    return after


# --- entries ---------------------------------------------------------------------------------------------


def changed(working: Working) -> Working:
    """A copy to change."""
    return deepcopy(working)


def new_key(working: Working) -> str:
    working["made"] += 1
    return f"n{working['made']}"


def next_number(taken: set[str]) -> str:
    """The first number that is free as a label."""
    return str(next(number for number in range(1, len(taken) + 2) if str(number) not in taken))


def find_entry(entries: Iterable[Entry], key: str | None) -> Entry | None:
    return next((each for each in entries if each["key"] == key), None)


def get_criterion(working: Working, key: str) -> Entry:
    return find_entry(working["criteria"], key) or _gone()


def get_requirement(working: Working, key: str) -> Entry:
    return find_entry(working["evidence_requirements"], key) or _gone()


def children_of(working: Working, key: str | None) -> list[Entry]:
    return [each for each in working["criteria"] if each["parent"] == key]


def with_items(working: Working, key: str) -> list[Entry]:
    """A criterion and every item under it, in order."""
    found = [get_criterion(working, key)]
    for child in children_of(working, key):
        found += with_items(working, child["key"])
    return found


def arrange(working: Working) -> None:
    """Performance before knowledge, each item under its stem with the stem's kind and heading."""
    held = {each["key"] for each in working["criteria"]}
    for each in working["criteria"]:
        each["parent"] = each["parent"] if each["parent"] in held else None
    tops = [each for kind in KINDS for each in children_of(working, None) if each["kind"] == kind]
    ordered: list[Entry] = []
    for top in tops:
        tree = with_items(working, top["key"])
        for each in tree:
            each["kind"], each["heading"] = top["kind"], top["heading"]
        ordered += tree
    working["criteria"] = ordered


# --- as the format has it --------------------------------------------------------------------------------

Path = tuple[str | int, ...]


def _keyed(criterion: Mapping[str, Any]) -> Entry:
    parent = criterion["parent"]
    entry = {key: deepcopy(value) for key, value in criterion.items() if key not in {"position", "parent"}}
    return {**entry, "key": f"r{criterion['position']}", "parent": f"r{parent}" if parent else None}


def _written(working: Working) -> tuple[dict[str, Any], dict[Path, str]]:
    """What a file of the format would hold, and which entry stands at which path of it."""
    keys: dict[Path, str] = {}
    found = {key: value for key, value in working.items() if key not in NOT_OF_THE_UNIT and value is not None}
    found["metadata"] = {key: value for key, value in working["metadata"].items() if value is not None}
    found["evidence_requirements"] = []
    for number, each in enumerate(working["evidence_requirements"]):
        keys["evidence_requirements", number] = each["key"]
        found["evidence_requirements"].append({key: each[key] for key in ("label", "text", "points")})
    for name in ("overview", "scope"):
        found[name] = [_stated(each) for each in working[name]]
    for kind in KINDS:
        found[kind] = _groups(working, kind, keys)
    return found, keys


def _groups(working: Working, kind: str, keys: dict[Path, str]) -> list[dict[str, Any]]:
    tops = [each for each in children_of(working, None) if each["kind"] == kind]
    groups: list[dict[str, Any]] = []
    for heading, entries in groupby(tops, key=lambda each: each["heading"]):
        items = _items(working, entries, (kind, len(groups), "items"), keys)
        groups.append(_stated({"heading": heading, "items": items}))
    return groups


def _items(working: Working, entries: Iterable[Entry], path: Path, keys: dict[Path, str]) -> list[dict[str, Any]]:
    found = []
    for number, each in enumerate(entries):
        keys[*path, number] = each["key"]
        item = _stated({key: each[key] for key in CRITERION_KEYS})
        item["items"] = _items(working, children_of(working, each["key"]), (*path, number, "items"), keys)
        found.append(item)
    return found


def _stated(entry: Entry) -> Entry:
    return {key: value for key, value in entry.items() if value is not None}


def _sentences(messages: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(messages, Mapping):
        for step, inner in messages.items():
            yield from _sentences(inner, path if step == "_schema" else (*path, step))
        return
    for sentence in messages if isinstance(messages, list) else [messages]:
        yield path, str(sentence)


def _fault(path: Path, sentence: str, keys: Mapping[Path, str]) -> Fault:
    """The schema's sentence, made whole and without what it says to those who write files."""
    key = next((keys[path[:end]] for end in range(len(path), 0, -1) if path[:end] in keys), None)
    named = [step for step in path if isinstance(step, str) and step not in {"items", "metadata"}]
    field = named[-1] if named else None
    said = sentence.replace(", or take the key out", "").replace("write them under performance or knowledge", "")
    if field in {*KINDS, "evidence_requirements"}:
        what = "evidence requirements have" if field == "evidence_requirements" else f"{field} statements have"
        return Fault(key, "label", f"The {what} {said.removeprefix('has ')}.")
    if field is None:
        return Fault(None, None, f"The unit {said.rstrip(': ')}.")
    return Fault(key, field, f"The {field.replace('_', ' ')} {said}.")


def _gone() -> Any:
    raise Invalid("It is no longer there. Look at the page again.")
