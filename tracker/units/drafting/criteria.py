"""What can be done to a criterion of a working copy. Labels we gave ourselves are given anew; printed ones stay."""

import re
from collections.abc import Callable, Mapping, Sequence
from string import ascii_lowercase
from typing import Any

from tracker.errors import Invalid
from tracker.units.drafting.working import (
    CRITERION_KEYS,
    KINDS,
    Entry,
    Working,
    arrange,
    begin,
    changed,
    check_no_worse,
    children_of,
    find_entry,
    get_criterion,
    get_requirement,
    new_key,
    next_number,
    with_items,
)

PRINTED = re.compile(r"\(?([A-Z]{0,2}\d{1,3}(?:\.\d{1,3})*|[a-z])[.):]\s+(?=\S)")
"""A label at the beginning of a statement, as sources print it: `1.`, `a)`, `(b)`, `1.2)`, `P3:`."""


def change_criterion(working: Working, key: str, fields: Mapping[str, Any]) -> Working:
    """Kind, label and its origin, heading, parent, text and the rest, whichever are named."""

    def change(after: Working) -> None:
        entry = get_criterion(after, key)
        if "parent" in fields:
            _check_parent(after, key, fields["parent"])
        was_under = entry["parent"]
        entry.update(fields)
        if stem := find_entry(after["criteria"], entry["parent"]):
            _place_after(after, entry, with_items(after, stem["key"]))
        elif was_under and key.startswith("r"):
            _place_as_read(after, entry)

    typed = fields.get("label", get_criterion(working, key)["label"])
    return _acted(working, change, renumber=typed == get_criterion(working, key)["label"])


def move_criterion(working: Working, key: str, step: int) -> Working:
    """Up (-1) or down (1) among its neighbours; over the edge of a group it joins the next group."""

    def change(after: Working) -> None:
        entry = get_criterion(after, key)
        row = [each for each in children_of(after, entry["parent"]) if each["kind"] == entry["kind"]]
        at = row.index(entry) + step
        if not 0 <= at < len(row):
            raise Invalid("It stands at the end of its list already. Nothing was changed.")
        other = row[at]
        if other["heading"] != entry["heading"]:
            entry["heading"] = other["heading"]
            return
        entries = after["criteria"]
        here, there = entries.index(entry), entries.index(other)
        entries[here], entries[there] = other, entry

    return _acted(working, change)


def split_criterion(working: Working, key: str, text: str) -> Working:
    """A statement a line: the first stays, the others follow it with a label printed before them or one of ours."""
    first, *others = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    if not others:
        raise Invalid(
            "Begin a new line where the next statement begins, then press Split. Nothing was changed.", "text"
        )

    def change(after: Working) -> None:
        entry = get_criterion(after, key)
        entry["text"] = first
        last = with_items(after, key)
        for other in others:
            label, words = _label_and_words(other)
            part = {**_blank(after, entry), "text": words, "split_from": key}
            part["label"] = label or _free_label(after, last[0])
            part["label_origin"] = "published" if label else "assigned"
            after["places"][part["key"]] = list(after["places"].get(key, []))
            _place_after(after, part, last)
            last = [part]

    return _acted(working, change)


def join_criterion(working: Working, key: str) -> Working:
    """Its words to the end of the statement before it, in the same list of the unit; it can be restored."""

    def change(after: Working) -> None:
        entries = after["criteria"]
        entry = get_criterion(after, key)
        at = entries.index(entry)
        if at == 0 or entries[at - 1]["kind"] != entry["kind"]:
            raise Invalid("There is no statement before it to join. Nothing was changed.")
        before = entries[at - 1]
        before["text"] = f"{before['text']} {entry['text']}"
        before["points"] = [*before["points"], *entry["points"]]
        for child in children_of(after, key):
            child["parent"] = before["key"]
        places = after["places"]
        places[before["key"]] = sorted({*places.get(before["key"], []), *places.get(key, [])})
        entries.remove(entry)
        if entry.get("split_from") != before["key"]:
            after["dropped"].append({**entry, "joined_into": before["key"]})

    return _acted(working, change)


def drop_criterion(working: Working, key: str) -> Working:
    """Out of the unit, with the items under it, into the list of what was dropped."""

    def change(after: Working) -> None:
        for each in with_items(after, key):
            after["criteria"].remove(each)
            after["dropped"].append({**each, "dropped_with": key})

    return _acted(working, change)


def restore_criterion(working: Working, reading: Mapping[str, Any], key: str) -> Working:
    """As it was read, wherever it is now; what was joined to it or split from it goes back as well."""
    as_read = {each["key"]: each for each in begin(reading)["criteria"]}

    def change(after: Working) -> None:
        back = [each for each in after["dropped"] if key in _held_by(each)]
        after["dropped"] = [each for each in after["dropped"] if each not in back]
        after["criteria"] = [each for each in after["criteria"] if each.get("split_from") != key]
        for each in sorted(back, key=lambda each: _order_read(each["key"])):
            _take_out_of(find_entry(after["criteria"], each.get("joined_into")), each)
            plain = {name: value for name, value in each.items() if name not in {"joined_into", "dropped_with"}}
            _place_as_read(after, plain)
        entry = get_criterion(after, key)
        if key in as_read:
            entry.update(as_read[key])
            _place_as_read(after, entry)
            after["places"][key] = _places_read(reading, key)

    return _acted(working, change)


def add_criterion(
    working: Working, kind: str, text: str, lines: Sequence[int] = (), after_key: str | None = None
) -> Working:
    """A statement that the reader did not find: after a named one, else where its lines stand in the source."""
    if not text.strip():
        raise Invalid("Write what the statement says. Nothing was added.", "text")

    def change(after: Working) -> None:
        before = find_entry(after["criteria"], after_key) or _last_before(after, kind, lines)
        entry = _blank(after, before)
        label, words = _label_and_words(text.strip())
        entry |= {"kind": kind, "text": words, "label_origin": "published" if label else "assigned"}
        taken = {each["label"] for each in _tops(after, kind)}
        entry["label"] = label or (_free_label(after, before) if before else next_number(taken))
        after["places"][entry["key"]] = list(lines)
        if before:
            _place_after(after, entry, with_items(after, before["key"]))
        else:
            after["criteria"].insert(0, entry)

    return _acted(working, change)


def make_requirement(working: Working, key: str) -> Working:
    """A criterion that is one of the unit's evidence requirements; the items under it become its points."""

    def change(after: Working) -> None:
        tree = with_items(after, key)
        taken = {each["label"] for each in after["evidence_requirements"]}
        label = tree[0]["label"] if tree[0]["label"] not in taken else next_number(taken)
        points = [*tree[0]["points"], *(each["text"] for each in tree[1:])]
        requirement = {"key": new_key(after), "label": label, "text": tree[0]["text"], "points": points}
        after["places"][requirement["key"]] = after["places"].get(key, [])
        after["evidence_requirements"].append(requirement)
        after["criteria"] = [each for each in after["criteria"] if each not in tree]

    return _acted(working, change)


def make_criterion(working: Working, key: str, kind: str) -> Working:
    """An evidence requirement that is a criterion, at the end of its kind."""

    def change(after: Working) -> None:
        requirement = get_requirement(after, key)
        same = [each for each in children_of(after, None) if each["kind"] == kind]
        entry = _blank(after, same[-1] if same else None)
        taken = {each["label"] for each in same if each["heading"] == entry["heading"]}
        label = requirement["label"] if requirement["label"] not in taken else next_number(taken)
        entry |= {"kind": kind, "label": label, "text": requirement["text"], "points": requirement["points"]}
        entry["label_origin"] = "published" if label == requirement["label"] else "assigned"
        after["places"][entry["key"]] = after["places"].get(key, [])
        after["evidence_requirements"].remove(requirement)
        after["criteria"].append(entry)

    return _acted(working, change)


# --- what every act ends with ----------------------------------------------------------------------------


def _acted(working: Working, change: Callable[[Working], None], *, renumber: bool = True) -> Working:
    """The copy after a change: put in order, what we numbered numbered anew, and no worse than before."""
    stems = {each["parent"] for each in working["criteria"]}
    after = changed(working)
    change(after)
    arrange(after)
    for kind in KINDS:
        if renumber and _is_numbered_by_us(working, kind):
            for number, each in enumerate(_tops(after, kind), start=1):
                each["label"], each["label_origin"] = str(number), "assigned"
    for each in after["criteria"]:
        is_stem = bool(children_of(after, each["key"]))
        if is_stem != (each["key"] in stems):  # items came under it, or the last one left it
            each["assessable"] = not is_stem
    return check_no_worse(working, after)


def _is_numbered_by_us(working: Working, kind: str) -> bool:
    tops = _tops(working, kind)
    return bool(tops) and all(
        each["label_origin"] == "assigned" and each["label"] == str(number)
        for number, each in enumerate(tops, start=1)
    )


def _tops(working: Working, kind: str) -> list[Entry]:
    return [each for each in children_of(working, None) if each["kind"] == kind]


# --- parts -----------------------------------------------------------------------------------------------


def _blank(working: Working, beside: Entry | None) -> Entry:
    """A new criterion of the same list as another."""
    return {
        "key": new_key(working),
        "kind": beside["kind"] if beside else KINDS[0],
        "heading": beside["heading"] if beside else None,
        "parent": beside["parent"] if beside else None,
        **dict.fromkeys(CRITERION_KEYS),
        "assessable": True,
        "points": [],
    }


def _check_parent(working: Working, key: str, parent: str | None) -> None:
    if parent is not None and parent in {each["key"] for each in with_items(working, key)}:
        raise Invalid("A statement cannot stand under itself or one of its own items.", "parent")
    if parent is not None and find_entry(working["criteria"], parent) is None:
        raise Invalid("The statement it stood under is no longer there. Choose again.", "parent")


def _place_after(working: Working, entry: Entry, others: Sequence[Entry]) -> None:
    """Behind the last of the others; where it is one of them, it stays where it is."""
    entries = working["criteria"]
    if entry in others:
        return
    if entry in entries:
        entries.remove(entry)
    entries.insert(entries.index(others[-1]) + 1, entry)


def _held_by(dropped: Entry) -> set[str | None]:
    """Whose restoring brings a dropped entry back: its own, and that of what it was joined to or dropped with."""
    return {dropped["key"], dropped.get("joined_into"), dropped.get("dropped_with")}


def _take_out_of(joined: Entry | None, entry: Entry) -> None:
    """The words of an entry that was joined to another, out of it again where they still end it."""
    if joined and joined["text"].endswith(f" {entry['text']}"):
        joined["text"] = joined["text"].removesuffix(f" {entry['text']}")
        joined["points"] = [point for point in joined["points"] if point not in entry["points"]]


def _place_as_read(working: Working, entry: Entry) -> None:
    """Behind whatever stood before it in the source and is still there."""
    if entry in working["criteria"]:
        working["criteria"].remove(entry)
    earlier = [
        at
        for at, each in enumerate(working["criteria"])
        if each["kind"] == entry["kind"] and _order_read(each["key"]) < _order_read(entry["key"])
    ]
    working["criteria"].insert(earlier[-1] + 1 if earlier else 0, entry)


def _order_read(key: str) -> tuple[int, int]:
    """Those the reader found in its order, then those that were made here."""
    return (0 if key.startswith("r") else 1, int(key[1:]))


def _places_read(reading: Mapping[str, Any], key: str) -> list[int]:
    return list(reading.get("places", {}).get(key.removeprefix("r"), []))


def _last_before(working: Working, kind: str, lines: Sequence[int]) -> Entry | None:
    """The last top statement of the kind that stands before these lines; without lines, the last of all."""
    tops = _tops(working, kind)
    if not lines:
        return tops[-1] if tops else None
    first_lines = {key: found[0] for key, found in working["places"].items() if found}
    earlier = [each for each in tops if first_lines.get(each["key"], lines[0]) < lines[0]]
    return earlier[-1] if earlier else None


def _label_and_words(text: str) -> tuple[str | None, str]:
    found = PRINTED.match(text)
    return (found[1], text[found.end() :]) if found else (None, text)


def _free_label(working: Working, beside: Entry) -> str:
    """The next label beside another's that is free: 6a after 6, 6b after 6a."""
    row = [each for each in children_of(working, beside["parent"]) if each["kind"] == beside["kind"]]
    taken = {each["label"] for each in row if each["heading"] == beside["heading"]}
    stem = re.sub(r"(?<=\d)[a-z]$", "", beside["label"])
    tries = (f"{stem}{letter}" for letter in ascii_lowercase)
    return next((label for label in tries if label not in taken), next_number(taken))
