"""Changes to the criteria of a working copy. Assigned labels are renumbered; printed labels stay."""

import re
from collections.abc import Callable, Mapping, Sequence
from string import ascii_lowercase
from typing import Any

from tracker.errors import Invalid
from tracker.units.drafting.working_copy import (
    CRITERION_FIELDS,
    KINDS,
    DraftEntry,
    Working,
    check_no_worse,
    copy_working,
    find_entry,
    get_criterion,
    get_requirement,
    list_children,
    list_with_items,
    new_key,
    next_number,
    sort_criteria,
    start_working_copy,
)

PRINTED_LABEL = re.compile(r"\(?([A-Z]{0,2}\d{1,3}(?:\.\d{1,3})*|[a-z])[.):]\s+(?=\S)")
"""A label at the beginning of a statement, as sources print it: `1.`, `a)`, `(b)`, `1.2)`, `P3:`."""


def change_criterion(working: Working, key: str, fields: Mapping[str, Any]) -> Working:
    """Return the copy with the named fields of a criterion changed, such as kind, label, heading, parent or text."""

    def change(after: Working) -> None:
        entry = get_criterion(after, key)
        if "parent" in fields:
            _check_parent(after, key, fields["parent"])
        was_under = entry["parent"]
        entry.update(fields)
        if stem := find_entry(after["criteria"], entry["parent"]):
            _place_after(after, entry, list_with_items(after, stem["key"]))
        elif was_under and key.startswith("r"):
            _place_as_read(after, entry)

    typed = fields.get("label", get_criterion(working, key)["label"])
    return _apply(working, change, renumber=typed == get_criterion(working, key)["label"])


def move_criterion(working: Working, key: str, step: int) -> Working:
    """Return the copy with a criterion moved up (-1) or down (1).

    Beyond the edge of a group it joins the next group.
    """

    def change(after: Working) -> None:
        entry = get_criterion(after, key)
        row = [each for each in list_children(after, entry["parent"]) if each["kind"] == entry["kind"]]
        at = row.index(entry) + step
        if not 0 <= at < len(row):
            raise Invalid("It is already at the end of its list. Nothing was changed.")
        other = row[at]
        if other["heading"] != entry["heading"]:
            entry["heading"] = other["heading"]
            return
        entries = after["criteria"]
        here, there = entries.index(entry), entries.index(other)
        entries[here], entries[there] = other, entry

    return _apply(working, change)


def split_criterion(working: Working, key: str, text: str) -> Working:
    """Return the copy with a statement split at its line breaks.

    The first line stays. Each other line becomes a criterion after it, with the label printed before it or an
    assigned one.
    """
    first, *others = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    if not others:
        raise Invalid(
            "Begin a new line where the next statement begins, then press Split. Nothing was changed.", "text"
        )

    def change(after: Working) -> None:
        entry = get_criterion(after, key)
        entry["text"] = first
        last = list_with_items(after, key)
        for other in others:
            label, words = _split_label(other)
            part = {**_make_blank(after, entry), "text": words, "split_from": key}
            part["label"] = label or _find_free_label(after, last[0])
            part["label_origin"] = "published" if label else "assigned"
            after["places"][part["key"]] = list(after["places"].get(key, []))
            _place_after(after, part, last)
            last = [part]

    return _apply(working, change)


def join_criterion(working: Working, key: str) -> Working:
    """Return the copy with a statement joined to the end of the one before it; it can be restored."""

    def change(after: Working) -> None:
        entries = after["criteria"]
        entry = get_criterion(after, key)
        at = entries.index(entry)
        if at == 0 or entries[at - 1]["kind"] != entry["kind"]:
            raise Invalid("There is no statement before it to join. Nothing was changed.")
        before = entries[at - 1]
        before["text"] = f"{before['text']} {entry['text']}"
        before["points"] = [*before["points"], *entry["points"]]
        for child in list_children(after, key):
            child["parent"] = before["key"]
        places = after["places"]
        places[before["key"]] = sorted({*places.get(before["key"], []), *places.get(key, [])})
        entries.remove(entry)
        if entry.get("split_from") != before["key"]:
            after["dropped"].append({**entry, "joined_into": before["key"]})

    return _apply(working, change)


def drop_criterion(working: Working, key: str) -> Working:
    """Return the copy with a criterion and its items moved to the dropped ones."""

    def change(after: Working) -> None:
        for each in list_with_items(after, key):
            after["criteria"].remove(each)
            after["dropped"].append({**each, "dropped_with": key})

    return _apply(working, change)


def restore_criterion(working: Working, reading: Mapping[str, Any], key: str) -> Working:
    """Return the copy with a criterion as it was read, undoing joins and splits of it."""
    as_read = {each["key"]: each for each in start_working_copy(reading)["criteria"]}

    def change(after: Working) -> None:
        back = [each for each in after["dropped"] if key in _list_restoring_keys(each)]
        after["dropped"] = [each for each in after["dropped"] if each not in back]
        after["criteria"] = [each for each in after["criteria"] if each.get("split_from") != key]
        for each in sorted(back, key=lambda each: _get_read_order(each["key"])):
            _remove_joined_text(find_entry(after["criteria"], each.get("joined_into")), each)
            plain = {name: value for name, value in each.items() if name not in {"joined_into", "dropped_with"}}
            _place_as_read(after, plain)
        entry = get_criterion(after, key)
        if key in as_read:
            entry.update(as_read[key])
            _place_as_read(after, entry)
            after["places"][key] = _get_read_lines(reading, key)

    return _apply(working, change)


def add_criterion(
    working: Working, kind: str, text: str, lines: Sequence[int] = (), after_key: str | None = None
) -> Working:
    """Return the copy with a new statement: after a given one, else where its source lines stand."""
    if not text.strip():
        raise Invalid("Write what the statement says. Nothing was added.", "text")

    def change(after: Working) -> None:
        before = find_entry(after["criteria"], after_key) or _find_last_before(after, kind, lines)
        entry = _make_blank(after, before)
        label, words = _split_label(text.strip())
        entry |= {"kind": kind, "text": words, "label_origin": "published" if label else "assigned"}
        taken = {each["label"] for each in _list_tops(after, kind)}
        entry["label"] = label or (_find_free_label(after, before) if before else next_number(taken))
        after["places"][entry["key"]] = list(lines)
        if before:
            _place_after(after, entry, list_with_items(after, before["key"]))
        else:
            after["criteria"].insert(0, entry)

    return _apply(working, change)


def make_requirement(working: Working, key: str) -> Working:
    """Return the copy with a criterion turned into an evidence requirement; its items become the points."""

    def change(after: Working) -> None:
        tree = list_with_items(after, key)
        taken = {each["label"] for each in after["evidence_requirements"]}
        label = tree[0]["label"] if tree[0]["label"] not in taken else next_number(taken)
        points = [*tree[0]["points"], *(each["text"] for each in tree[1:])]
        requirement = {"key": new_key(after), "label": label, "text": tree[0]["text"], "points": points}
        after["places"][requirement["key"]] = after["places"].get(key, [])
        after["evidence_requirements"].append(requirement)
        after["criteria"] = [each for each in after["criteria"] if each not in tree]

    return _apply(working, change)


def make_criterion(working: Working, key: str, kind: str) -> Working:
    """Return the copy with an evidence requirement turned into a criterion, at the end of its kind."""

    def change(after: Working) -> None:
        requirement = get_requirement(after, key)
        same = [each for each in list_children(after, None) if each["kind"] == kind]
        entry = _make_blank(after, same[-1] if same else None)
        taken = {each["label"] for each in same if each["heading"] == entry["heading"]}
        label = requirement["label"] if requirement["label"] not in taken else next_number(taken)
        entry |= {"kind": kind, "label": label, "text": requirement["text"], "points": requirement["points"]}
        entry["label_origin"] = "published" if label == requirement["label"] else "assigned"
        after["places"][entry["key"]] = after["places"].get(key, [])
        after["evidence_requirements"].remove(requirement)
        after["criteria"].append(entry)

    return _apply(working, change)


# --- the end of every change ------------------------------------------------------------------------------


def _apply(working: Working, change: Callable[[Working], None], *, renumber: bool = True) -> Working:
    """Return the copy after a change: sorted, renumbered where labels are assigned, and with no new problem."""
    stems = {each["parent"] for each in working["criteria"]}
    after = copy_working(working)
    change(after)
    sort_criteria(after)
    for kind in KINDS:
        if renumber and _is_numbered_by_program(working, kind):
            for number, each in enumerate(_list_tops(after, kind), start=1):
                each["label"], each["label_origin"] = str(number), "assigned"
    for each in after["criteria"]:
        is_stem = bool(list_children(after, each["key"]))
        if is_stem != (each["key"] in stems):  # it gained its first item or lost its last
            each["assessable"] = not is_stem
    return check_no_worse(working, after)


def _is_numbered_by_program(working: Working, kind: str) -> bool:
    tops = _list_tops(working, kind)
    return bool(tops) and all(
        each["label_origin"] == "assigned" and each["label"] == str(number)
        for number, each in enumerate(tops, start=1)
    )


def _list_tops(working: Working, kind: str) -> list[DraftEntry]:
    return [each for each in list_children(working, None) if each["kind"] == kind]


# --- parts of the changes ---------------------------------------------------------------------------------


def _make_blank(working: Working, beside: DraftEntry | None) -> DraftEntry:
    """Return a new criterion of the same kind, heading and parent as another."""
    return {
        "key": new_key(working),
        "kind": beside["kind"] if beside else KINDS[0],
        "heading": beside["heading"] if beside else None,
        "parent": beside["parent"] if beside else None,
        **dict.fromkeys(CRITERION_FIELDS),
        "assessable": True,
        "points": [],
    }


def _check_parent(working: Working, key: str, parent: str | None) -> None:
    if parent is not None and parent in {each["key"] for each in list_with_items(working, key)}:
        raise Invalid("A statement cannot be placed under itself or one of its own items.", "parent")
    if parent is not None and find_entry(working["criteria"], parent) is None:
        raise Invalid("The statement you chose no longer exists. Choose another.", "parent")


def _place_after(working: Working, entry: DraftEntry, others: Sequence[DraftEntry]) -> None:
    """Put the entry after the last of the others; leave it where it is if it is one of them."""
    entries = working["criteria"]
    if entry in others:
        return
    if entry in entries:
        entries.remove(entry)
    entries.insert(entries.index(others[-1]) + 1, entry)


def _list_restoring_keys(dropped: DraftEntry) -> set[str | None]:
    """Return the keys whose restoring brings a dropped entry back.

    These are its own, that of what it was joined to, and that of what it was dropped with.
    """
    return {dropped["key"], dropped.get("joined_into"), dropped.get("dropped_with")}


def _remove_joined_text(joined: DraftEntry | None, entry: DraftEntry) -> None:
    """Remove the words of a joined entry from the end of the criterion it was joined to."""
    if joined and joined["text"].endswith(f" {entry['text']}"):
        joined["text"] = joined["text"].removesuffix(f" {entry['text']}")
        joined["points"] = [point for point in joined["points"] if point not in entry["points"]]


def _place_as_read(working: Working, entry: DraftEntry) -> None:
    """Put the entry after the last criterion of its kind that precedes it in the source."""
    if entry in working["criteria"]:
        working["criteria"].remove(entry)
    earlier = [
        at
        for at, each in enumerate(working["criteria"])
        if each["kind"] == entry["kind"] and _get_read_order(each["key"]) < _get_read_order(entry["key"])
    ]
    working["criteria"].insert(earlier[-1] + 1 if earlier else 0, entry)


def _get_read_order(key: str) -> tuple[int, int]:
    """Return a sort key: criteria that the reader found in their order, then those added on screen."""
    return (0 if key.startswith("r") else 1, int(key[1:]))


def _get_read_lines(reading: Mapping[str, Any], key: str) -> list[int]:
    return list(reading.get("places", {}).get(key.removeprefix("r"), []))


def _find_last_before(working: Working, kind: str, lines: Sequence[int]) -> DraftEntry | None:
    """Find the last top criterion of the kind before these source lines; without lines, the last one."""
    tops = _list_tops(working, kind)
    if not lines:
        return tops[-1] if tops else None
    first_lines = {key: result[0] for key, result in working["places"].items() if result}
    earlier = [each for each in tops if first_lines.get(each["key"], lines[0]) < lines[0]]
    return earlier[-1] if earlier else None


def _split_label(text: str) -> tuple[str | None, str]:
    result = PRINTED_LABEL.match(text)
    return (result[1], text[result.end() :]) if result else (None, text)


def _find_free_label(working: Working, beside: DraftEntry) -> str:
    """Return the next free label beside another: 6a after 6, 6b after 6a."""
    row = [each for each in list_children(working, beside["parent"]) if each["kind"] == beside["kind"]]
    taken = {each["label"] for each in row if each["heading"] == beside["heading"]}
    stem = re.sub(r"(?<=\d)[a-z]$", "", beside["label"])
    tries = (f"{stem}{letter}" for letter in ascii_lowercase)
    return next((label for label in tries if label not in taken), next_number(taken))
