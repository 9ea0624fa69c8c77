"""Evaluation of a qualification's rules of combination: which units count, which are surplus and what is missing.

A group may be full, two units may be barred together, and credits may be required at a level, so which units count is
a choice. The best choice is made: a qualification is complete when some allowed choice fulfils every rule. At most
`MAX_COMBINATIONS` combinations of barred units are tried. Beyond that, a complete qualification may be reported as
incomplete, but never the other way round.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tracker.units.plurals import format_count
from tracker.units.qualification_documents import QualificationDocument, QualificationGroup, QualificationUnit

MAX_COMBINATIONS = 2_000
MANDATORY = "Mandatory"


@dataclass(frozen=True)
class QualificationResult:
    """How the units of a candidate fulfil the rules of a qualification."""

    complete: bool
    counted: dict[str, str]
    """What each unit counts as, by code: `Mandatory`, `Group B`."""
    surplus: dict[str, str]
    """Units that are achieved and do not count, by code, each with the reason."""
    missing: tuple[str, ...]
    """What is still to be achieved, one sentence each; empty exactly when the qualification is complete."""
    to_choose: tuple[str, ...]
    """What would still have to be chosen if every chosen unit were achieved."""
    blocked: tuple[str, ...]
    """Chosen units that can never count together, one sentence each."""
    credits: int
    credits_at_level: int


@dataclass(frozen=True)
class _Selection:
    """Units that count together, with their credits."""

    codes: frozenset[str]
    credits: int
    at_level: int


def evaluate_qualification(
    qualification: QualificationDocument, achieved: Collection[str], chosen: Collection[str] = ()
) -> QualificationResult:
    """Evaluate the rules for a candidate; units outside the qualification are surplus.

    Args:
        qualification: The qualification with its rules.
        achieved: Codes of the units that the candidate has achieved.
        chosen: Codes of the units that the candidate is working at.
    """
    best = _select_best(qualification, achieved)
    everything = {*achieved, *chosen}
    planned = best if everything == set(achieved) else _select_best(qualification, everything)
    missing = tuple(_describe_missing(qualification, best, "achieve"))
    return QualificationResult(
        complete=not any(_list_shortfalls(qualification, best)),
        counted={code: _find_place(qualification, code) for code in sorted(best.codes)},
        surplus=dict(_explain_surplus(qualification, best, achieved)),
        missing=missing,
        to_choose=tuple(_describe_missing(qualification, planned, "choose")),
        blocked=tuple(dict.fromkeys(_describe_blocked(qualification, planned, everything))),
        credits=best.credits,
        credits_at_level=best.at_level,
    )


# --- which units count ------------------------------------------------------------------------------------


def _select_best(qualification: QualificationDocument, codes: Collection[str]) -> _Selection:
    """Return the selection that fulfils every rule or comes nearest to it (branch and bound over the barred pairs).

    Start with the best selection of all units. Where it counts two units that are barred together, try it without
    each of them in turn, unless that one is mandatory. Drop a branch that cannot be better than the best so far.
    """
    known = frozenset(code for code in codes if code in qualification.by_code)
    best, pending = _make_selection(qualification, ()), [known]
    for _ in range(MAX_COMBINATIONS):
        if not pending:
            break
        allowed = pending.pop()
        selection = _select_best_allowed(qualification, allowed)
        if _rank(qualification, selection) <= _rank(qualification, best):
            continue
        pair = next((pair for pair in qualification.barred if selection.codes.issuperset(pair)), None)
        if pair is None:
            best = selection
        else:
            pending.extend(allowed - {code} for code in pair if code not in qualification.mandatory)
    return best


def _rank(qualification: QualificationDocument, selection: _Selection) -> tuple[int, int, int, int]:
    """Return a sort key: fewer shortfalls, then smaller shortfalls, more credits and more units are better."""
    shortfalls = list(_list_shortfalls(qualification, selection))
    return (-sum(each > 0 for each in shortfalls), -sum(shortfalls), selection.credits, len(selection.codes))


def _select_best_allowed(qualification: QualificationDocument, allowed: frozenset[str]) -> _Selection:
    """Return the best selection without looking at barred pairs: group by group, then combined."""
    selections = {
        _get_totals(start): start
        for start in [_make_selection(qualification, allowed & set(qualification.mandatory))]
    }
    for group in qualification.groups:
        parts = _list_group_selections(qualification, group, [code for code in group.units if code in allowed])
        selections = _keep_undominated(
            _Selection(one.codes | part.codes, one.credits + part.credits, one.at_level + part.at_level)
            for one in selections.values()
            for part in parts
        )
    return max(selections.values(), key=lambda each: _rank(qualification, each))


def _list_group_selections(
    qualification: QualificationDocument, group: QualificationGroup, codes: Collection[str]
) -> list[_Selection]:
    """List the selections from one group that are within its maximum and not dominated by another."""
    if group.maximum is None and group.maximum_credits is None:
        return [_make_selection(qualification, codes)]
    selections = [_Selection(frozenset(), 0, 0)]
    for code in codes:
        extended = (_add_unit(qualification, each, qualification.by_code[code]) for each in selections)
        selections = _drop_dominated([*selections, *(each for each in extended if _is_within(group, each))], group)
    least_shortfall = min(_measure_group_shortfall(group, each) for each in selections)
    return list(
        _keep_undominated(
            each for each in selections if _measure_group_shortfall(group, each) == least_shortfall
        ).values()
    )


def _drop_dominated(selections: list[_Selection], group: QualificationGroup) -> list[_Selection]:
    """Keep the best selections of each size, and of each sum of credits where the group limits credits."""
    by_size: dict[tuple[int, ...], list[_Selection]] = defaultdict(list)
    for each in selections:
        limits_credits = group.maximum_credits is not None
        by_size[(len(each.codes), each.credits) if limits_credits else (len(each.codes),)].append(each)
    return [each for same in by_size.values() for each in _keep_undominated(same).values()]


def _add_unit(qualification: QualificationDocument, selection: _Selection, unit: QualificationUnit) -> _Selection:
    one = _make_selection(qualification, {unit.code})
    return _Selection(selection.codes | one.codes, selection.credits + one.credits, selection.at_level + one.at_level)


def _make_selection(qualification: QualificationDocument, codes: Collection[str]) -> _Selection:
    units = [qualification.by_code[code] for code in codes]
    units_at_level = [
        unit for unit in units if qualification.at_level is not None and (unit.level or 0) >= qualification.at_level
    ]
    return _Selection(
        frozenset(codes), sum(unit.credit or 0 for unit in units), sum(unit.credit or 0 for unit in units_at_level)
    )


def _is_within(group: QualificationGroup, selection: _Selection) -> bool:
    if group.maximum is not None and len(selection.codes) > group.maximum:
        return False
    return group.maximum_credits is None or selection.credits <= group.maximum_credits


def _measure_group_shortfall(group: QualificationGroup, selection: _Selection) -> tuple[int, int]:
    """Return how many units and credits are missing to the group's minimum."""
    return max(0, group.minimum - len(selection.codes)), max(0, group.minimum_credits - selection.credits)


def _get_totals(selection: _Selection) -> tuple[int, int, int]:
    return len(selection.codes), selection.credits, selection.at_level


def _keep_undominated(selections: Iterable[_Selection]) -> dict[tuple[int, int, int], _Selection]:
    """Keep selections that no other equals or exceeds in units, credits and credits at the level."""
    best: dict[tuple[int, int, int], _Selection] = {}
    for each in selections:
        best.setdefault(_get_totals(each), each)
    undominated: dict[tuple[int, int, int], _Selection] = {}
    for key in sorted(best, reverse=True):
        if not any(all(mine <= theirs for mine, theirs in zip(key, other, strict=True)) for other in undominated):
            undominated[key] = best[key]
    return undominated


# --- what is missing, in numbers and in words -------------------------------------------------------------


def _list_shortfalls(qualification: QualificationDocument, selection: _Selection) -> Iterator[int]:
    """Yield what each rule lacks; all are zero when every rule is fulfilled."""
    yield len(set(qualification.mandatory) - selection.codes)
    for group in qualification.groups:
        units, credit = _measure_group_shortfall(
            group, _make_selection(qualification, selection.codes & set(group.units))
        )
        yield units
        yield credit
    yield max(0, qualification.minimum_units - len(selection.codes))
    yield max(0, qualification.minimum_credits - selection.credits)
    yield max(0, qualification.credits_at_level - selection.at_level)


def _describe_missing(qualification: QualificationDocument, selection: _Selection, verb: str) -> Iterator[str]:
    """Yield a sentence for each rule that is not fulfilled; `verb` says what to do about it."""
    act = verb.capitalize()
    missing_codes = [code for code in qualification.mandatory if code not in selection.codes]
    for code in missing_codes:
        yield f"{act} {code}, {qualification.by_code[code].title}: it is mandatory."
    requested_units = len(missing_codes)
    for group in qualification.groups:
        units, credit = _measure_group_shortfall(
            group, _make_selection(qualification, selection.codes & set(group.units))
        )
        requested_units += units
        more = f", worth at least {format_count(credit, 'credit')}" if credit else ""
        if units or credit:
            yield f"{act} {f'{units} ' if units else ''}more from {group.label}{more}."
    if len(selection.codes) + requested_units < qualification.minimum_units:
        units = qualification.minimum_units - len(selection.codes)
        yield f"{act} {format_count(units, 'unit')} more in all: at least {qualification.minimum_units} must count."
    if selection.credits < qualification.minimum_credits:
        credit = qualification.minimum_credits - selection.credits
        yield f"{act} {format_count(credit, 'credit')} more in all: {qualification.minimum_credits} are required."
    if selection.at_level < qualification.credits_at_level:
        credit = qualification.credits_at_level - selection.at_level
        more = f"{format_count(credit, 'credit')} more at level {qualification.at_level} or above"
        yield f"{act} {more}: {qualification.credits_at_level} are required there."


def _explain_surplus(
    qualification: QualificationDocument, selection: _Selection, achieved: Collection[str]
) -> Iterator[tuple[str, str]]:
    for code in sorted(set(achieved) - selection.codes):
        yield code, _explain_not_counted(qualification, code, selection.codes)


def _explain_not_counted(qualification: QualificationDocument, code: str, counted_codes: AbstractSet[str]) -> str:
    if code not in qualification.by_code:
        return "It is not part of this qualification."
    against = [other for other in qualification.list_barred(code) if other in counted_codes]
    if against:
        return f"It may not count together with {against[0]}."
    group = qualification.find_group(code)
    if group and group.maximum is not None:
        inside = len(counted_codes & set(group.units))
        if inside >= group.maximum:
            return f"{group.label} is full: at most {format_count(group.maximum, 'unit')} of it count."
    if group and group.maximum_credits is not None:
        return f"{group.label} is full: at most {format_count(group.maximum_credits, 'credit')} of it count."
    return "It is not needed."


def _describe_blocked(
    qualification: QualificationDocument, planned: _Selection, everything: Collection[str]
) -> Iterator[str]:
    for code in sorted(set(everything) - planned.codes):
        if code not in qualification.by_code:
            continue
        against = sorted(set(qualification.list_barred(code)) & planned.codes)
        if against:
            yield f"{code} and {against[0]} may not count together: choose another unit instead of one of them."
        else:
            yield f"{code} will not count. {_explain_not_counted(qualification, code, planned.codes)}"


def _find_place(qualification: QualificationDocument, code: str) -> str:
    group = qualification.find_group(code)
    return group.label if group else MANDATORY


def describe_group_rule(group: QualificationGroup) -> str:
    """Return a group's rule in words: `at least 1 and at most 2 units`, `at least 20 credits`."""
    parts = []
    for least, most, word in (
        (group.minimum, group.maximum, "unit"),
        (group.minimum_credits, group.maximum_credits, "credit"),
    ):
        if least and most == least:
            parts.append(f"exactly {format_count(least, word)}")
        elif least and most is not None:
            parts.append(f"at least {least} and at most {format_count(most, word)}")
        elif least:
            parts.append(f"at least {format_count(least, word)}")
        elif most is not None:
            parts.append(f"at most {format_count(most, word)}")
    return ", ".join(parts) or "any number"
