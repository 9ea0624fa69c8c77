"""Changes to the criteria of a working copy. Assigned labels are renumbered; printed labels stay."""

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from string import ascii_lowercase
from typing import Any

from tracker.errors import Invalid
from tracker.units.drafting.problems import check_no_worse
from tracker.units.drafting.working_copy import (
    KINDS,
    CriterionFields,
    DraftCriterion,
    DraftRequirement,
    WorkingCopy,
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
from tracker.vocabulary import CriterionKind, LabelOrigin

PRINTED_LABEL = re.compile(r"\(?([A-Z]{0,2}\d{1,3}(?:\.\d{1,3})*|[a-z])[.):]\s+(?=\S)")
"""A label at the beginning of a statement, as sources print it: `1.`, `a)`, `(b)`, `1.2)`, `P3:`."""


def change_criterion(working: WorkingCopy, key: str, fields: CriterionFields) -> WorkingCopy:
    """Return the copy with the named fields of a criterion changed."""
    label = get_criterion(working, key).label

    def change(after: WorkingCopy) -> None:
        before = get_criterion(after, key)
        if "parent" in fields:
            _check_parent(after, key, fields["parent"])
        entry = replace(before, **fields)
        after.criteria[after.criteria.index(before)] = entry
        if stem := find_entry(after.criteria, entry.parent):
            _place_after(after, entry, list_with_items(after, stem.key))
        elif before.parent and key.startswith("r"):
            _place_as_read(after, entry)

    return _apply(working, change, renumber=fields.get("label", label) == label)


def move_criterion(working: WorkingCopy, key: str, step: int) -> WorkingCopy:
    """Return the copy with a criterion moved up (-1) or down (1).

    Beyond the edge of a group it joins the next group.
    """

    def change(after: WorkingCopy) -> None:
        entry = get_criterion(after, key)
        row = [each for each in list_children(after, entry.parent) if each.kind == entry.kind]
        at = row.index(entry) + step
        if not 0 <= at < len(row):
            raise Invalid("It is already at the end of its list. Nothing was changed.")
        other = row[at]
        if other.heading != entry.heading:
            entry.heading = other.heading
            return
        entries = after.criteria
        index, other_index = entries.index(entry), entries.index(other)
        entries[index], entries[other_index] = other, entry

    return _apply(working, change)


def split_criterion(working: WorkingCopy, key: str, text: str) -> WorkingCopy:
    """Return the copy with a statement split at its line breaks.

    The first line stays. Each other line becomes a criterion after it, with the label printed before it or an
    assigned one.
    """
    first, *others = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    if not others:
        raise Invalid(
            "Begin a new line where the next statement begins, then press Split. Nothing was changed.", "text"
        )

    def change(after: WorkingCopy) -> None:
        entry = get_criterion(after, key)
        entry.text = first
        last = list_with_items(after, key)
        for other in others:
            label, words = _split_label(other)
            part = _make_beside(after, entry, entry.kind, label or _find_free_label(after, last[0]), words)
            part.label_origin = LabelOrigin.PUBLISHED if label else LabelOrigin.ASSIGNED
            part.split_from = key
            after.places[part.key] = list(after.places.get(key, []))
            _place_after(after, part, last)
            last = [part]

    return _apply(working, change)


def join_criterion(working: WorkingCopy, key: str) -> WorkingCopy:
    """Return the copy with a statement joined to the end of the one before it; it can be restored."""

    def change(after: WorkingCopy) -> None:
        entries = after.criteria
        entry = get_criterion(after, key)
        at = entries.index(entry)
        if at == 0 or entries[at - 1].kind != entry.kind:
            raise Invalid("There is no statement before it to join. Nothing was changed.")
        before = entries[at - 1]
        before.text = f"{before.text} {entry.text}"
        before.points = [*before.points, *entry.points]
        for child in list_children(after, key):
            child.parent = before.key
        places = after.places
        places[before.key] = sorted({*places.get(before.key, []), *places.get(key, [])})
        entries.remove(entry)
        if entry.split_from != before.key:
            after.dropped.append(replace(entry, joined_into=before.key))

    return _apply(working, change)


def drop_criterion(working: WorkingCopy, key: str) -> WorkingCopy:
    """Return the copy with a criterion and its items moved to the dropped ones."""

    def change(after: WorkingCopy) -> None:
        for each in list_with_items(after, key):
            after.criteria.remove(each)
            after.dropped.append(replace(each, dropped_with=key))

    return _apply(working, change)


def restore_criterion(working: WorkingCopy, reading: Mapping[str, Any], key: str) -> WorkingCopy:
    """Return the copy with a criterion as it was read, undoing joins and splits of it."""
    as_read = {each.key: each for each in start_working_copy(reading).criteria}

    def change(after: WorkingCopy) -> None:
        back = [each for each in after.dropped if key in _list_restoring_keys(each)]
        after.dropped = [each for each in after.dropped if each not in back]
        after.criteria = [each for each in after.criteria if each.split_from != key]
        for each in sorted(back, key=lambda each: _get_read_order(each.key)):
            _remove_joined_text(find_entry(after.criteria, each.joined_into), each)
            _place_as_read(after, replace(each, joined_into=None, dropped_with=None))
        entry = get_criterion(after, key)
        if key in as_read:
            after.criteria.remove(entry)
            _place_as_read(after, as_read[key])
            after.places[key] = _get_read_lines(reading, key)

    return _apply(working, change)


def add_criterion(working: WorkingCopy, kind: CriterionKind, text: str, lines: Sequence[int] = ()) -> WorkingCopy:
    """Return the copy with a new statement where its source lines stand; without lines, at the end of its kind."""
    if not text.strip():
        raise Invalid("Write what the statement says. Nothing was added.", "text")

    def change(after: WorkingCopy) -> None:
        before = _find_last_before(after, kind, lines)
        printed, words = _split_label(text.strip())
        taken_labels = {each.label for each in _list_tops(after, kind)}
        label = printed or (_find_free_label(after, before) if before else next_number(taken_labels))
        entry = _make_beside(after, before, kind, label, words)
        entry.label_origin = LabelOrigin.PUBLISHED if printed else LabelOrigin.ASSIGNED
        after.places[entry.key] = list(lines)
        if before:
            _place_after(after, entry, list_with_items(after, before.key))
        else:
            after.criteria.insert(0, entry)

    return _apply(working, change)


def make_requirement(working: WorkingCopy, key: str) -> WorkingCopy:
    """Return the copy with a criterion turned into an evidence requirement; its items become the points."""

    def change(after: WorkingCopy) -> None:
        tree = list_with_items(after, key)
        taken_labels = {each.label for each in after.evidence_requirements}
        label = tree[0].label if tree[0].label not in taken_labels else next_number(taken_labels)
        points = [*tree[0].points, *(each.text for each in tree[1:])]
        requirement = DraftRequirement(new_key(after), label, tree[0].text, points)
        after.places[requirement.key] = after.places.get(key, [])
        after.evidence_requirements.append(requirement)
        after.criteria = [each for each in after.criteria if each not in tree]

    return _apply(working, change)


def make_criterion(working: WorkingCopy, key: str, kind: CriterionKind) -> WorkingCopy:
    """Return the copy with an evidence requirement turned into a criterion, at the end of its kind."""

    def change(after: WorkingCopy) -> None:
        requirement = get_requirement(after, key)
        same = _list_tops(after, kind)
        entry = _make_beside(after, same[-1] if same else None, kind, requirement.label, requirement.text)
        taken_labels = {each.label for each in same if each.heading == entry.heading}
        if entry.label in taken_labels:
            entry.label = next_number(taken_labels)
        entry.label_origin = LabelOrigin.PUBLISHED if entry.label == requirement.label else LabelOrigin.ASSIGNED
        entry.points = requirement.points
        after.places[entry.key] = after.places.get(key, [])
        after.evidence_requirements.remove(requirement)
        after.criteria.append(entry)

    return _apply(working, change)


# --- the end of every change ------------------------------------------------------------------------------


def _apply(working: WorkingCopy, change: Callable[[WorkingCopy], None], *, renumber: bool = True) -> WorkingCopy:
    """Return the copy after a change: sorted, renumbered where labels are assigned, and with no new problem."""
    stems = {each.parent for each in working.criteria}
    after = deepcopy(working)
    change(after)
    sort_criteria(after)
    for kind in KINDS:
        if renumber and _is_numbered_by_program(working, kind):
            for number, each in enumerate(_list_tops(after, kind), start=1):
                each.label, each.label_origin = str(number), LabelOrigin.ASSIGNED
    for each in after.criteria:
        is_stem = bool(list_children(after, each.key))
        if is_stem != (each.key in stems):  # it gained its first item or lost its last
            each.assessable = not is_stem
    return check_no_worse(working, after)


def _is_numbered_by_program(working: WorkingCopy, kind: CriterionKind) -> bool:
    tops = _list_tops(working, kind)
    return bool(tops) and all(
        each.label_origin is LabelOrigin.ASSIGNED and each.label == str(number)
        for number, each in enumerate(tops, start=1)
    )


def _list_tops(working: WorkingCopy, kind: CriterionKind) -> list[DraftCriterion]:
    return [each for each in list_children(working, None) if each.kind == kind]


# --- parts of the changes ---------------------------------------------------------------------------------


def _make_beside(
    working: WorkingCopy, beside: DraftCriterion | None, kind: CriterionKind, label: str, text: str
) -> DraftCriterion:
    """Return a new criterion with the heading and parent of another."""
    return DraftCriterion(
        key=new_key(working),
        kind=kind,
        heading=beside.heading if beside else None,
        parent=beside.parent if beside else None,
        label=label,
        label_origin=LabelOrigin.ASSIGNED,
        text=text,
    )


def _check_parent(working: WorkingCopy, key: str, parent: str | None) -> None:
    if parent is not None and parent in {each.key for each in list_with_items(working, key)}:
        raise Invalid("A statement cannot be placed under itself or one of its own items.", "parent")
    if parent is not None and find_entry(working.criteria, parent) is None:
        raise Invalid("The statement you chose no longer exists. Choose another.", "parent")


def _place_after(working: WorkingCopy, entry: DraftCriterion, others: Sequence[DraftCriterion]) -> None:
    """Put the entry after the last of the others; leave it where it is if it is one of them."""
    entries = working.criteria
    if entry in others:
        return
    if entry in entries:
        entries.remove(entry)
    entries.insert(entries.index(others[-1]) + 1, entry)


def _list_restoring_keys(dropped: DraftCriterion) -> set[str | None]:
    """Return the keys whose restoring brings a dropped entry back.

    These are its own, that of what it was joined to, and that of what it was dropped with.
    """
    return {dropped.key, dropped.joined_into, dropped.dropped_with}


def _remove_joined_text(joined: DraftCriterion | None, entry: DraftCriterion) -> None:
    """Remove the words of a joined entry from the end of the criterion it was joined to."""
    if joined and joined.text.endswith(f" {entry.text}"):
        joined.text = joined.text.removesuffix(f" {entry.text}")
        joined.points = [point for point in joined.points if point not in entry.points]


def _place_as_read(working: WorkingCopy, entry: DraftCriterion) -> None:
    """Put the entry after the last criterion of its kind that precedes it in the source."""
    if entry in working.criteria:
        working.criteria.remove(entry)
    earlier = [
        at
        for at, each in enumerate(working.criteria)
        if each.kind == entry.kind and _get_read_order(each.key) < _get_read_order(entry.key)
    ]
    working.criteria.insert(earlier[-1] + 1 if earlier else 0, entry)


def _get_read_order(key: str) -> tuple[int, int]:
    """Return a sort key: criteria that the reader found in their order, then those added on screen."""
    return (0 if key.startswith("r") else 1, int(key[1:]))


def _get_read_lines(reading: Mapping[str, Any], key: str) -> list[int]:
    return list(reading.get("places", {}).get(key.removeprefix("r"), []))


def _find_last_before(working: WorkingCopy, kind: CriterionKind, lines: Sequence[int]) -> DraftCriterion | None:
    """Find the last top criterion of the kind before these source lines; without lines, the last one."""
    tops = _list_tops(working, kind)
    if not lines:
        return tops[-1] if tops else None
    first_lines = {key: result[0] for key, result in working.places.items() if result}
    earlier = [each for each in tops if first_lines.get(each.key, lines[0]) < lines[0]]
    return earlier[-1] if earlier else None


def _split_label(text: str) -> tuple[str | None, str]:
    result = PRINTED_LABEL.match(text)
    return (result[1], text[result.end() :]) if result else (None, text)


def _find_free_label(working: WorkingCopy, beside: DraftCriterion) -> str:
    """Return the next free label beside another: 6a after 6, 6b after 6a."""
    row = [each for each in list_children(working, beside.parent) if each.kind == beside.kind]
    taken_labels = {each.label for each in row if each.heading == beside.heading}
    stem = re.sub(r"(?<=\d)[a-z]$", "", beside.label)
    tries = (f"{stem}{letter}" for letter in ascii_lowercase)
    return next((label for label in tries if label not in taken_labels), next_number(taken_labels))
