"""Whether units make up a qualification: which count, which are surplus, what is still to achieve or to choose.

Which units count is a choice: a group may be full, two units may be barred together, and credits are asked for at a
level. The choice made here is the best there is; complete means that some allowed choice fulfils every rule. Where
more combinations of barred units than `MAX_LOOKS` would have to be looked at, the rest is left: a qualification may
then be called incomplete that is complete, and never the other way round.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tracker.units.qualification_documents import QualificationDocument, QualificationGroup, QualificationUnit

MAX_LOOKS = 2_000
MANDATORY = "Mandatory"


@dataclass(frozen=True)
class Standing:
    """How a candidate stands towards a qualification."""

    complete: bool
    counted: dict[str, str]
    """Unit by unit, as what it counts: `Mandatory`, `Group B`."""
    surplus: dict[str, str]
    """Achieved and not counted, each with the reason."""
    missing: tuple[str, ...]
    """What is still to be achieved, a sentence each; empty exactly when it is complete."""
    to_choose: tuple[str, ...]
    """What is still to be chosen, were all that is chosen achieved."""
    blocked: tuple[str, ...]
    """Of what is chosen, what can never count together."""
    credits: int
    credits_at_level: int


@dataclass(frozen=True)
class _Selection:
    """Units that count together, and what they come to."""

    codes: frozenset[str]
    credits: int
    at_level: int


def judge(qualification: QualificationDocument, achieved: Collection[str], chosen: Collection[str] = ()) -> Standing:
    """The standing of somebody who has achieved these units and is working at those; codes outside it are surplus."""
    best = _select(qualification, achieved)
    everything = {*achieved, *chosen}
    planned = best if everything == set(achieved) else _select(qualification, everything)
    missing = tuple(_missing(qualification, best, "achieve"))
    return Standing(
        complete=not any(_shortfalls(qualification, best)),
        counted={code: _place(qualification, code) for code in sorted(best.codes)},
        surplus=dict(_surplus(qualification, best, achieved)),
        missing=missing,
        to_choose=tuple(_missing(qualification, planned, "choose")),
        blocked=tuple(dict.fromkeys(_blocked(qualification, planned, everything))),
        credits=best.credits,
        credits_at_level=best.at_level,
    )


# --- which units count -------------------------------------------------------------------------------------


def _select(qualification: QualificationDocument, codes: Collection[str]) -> _Selection:
    """The selection that fulfils every rule, or comes nearest to it.

    The best of all units is looked at first. Where it counts two that are barred together, each of them is left out
    in turn, unless it is mandatory; what comes to no more than the best so far is not followed.
    """
    held = frozenset(code for code in codes if code in qualification.by_code)
    best, waiting = _selection(qualification, ()), [held]
    for _ in range(MAX_LOOKS):
        if not waiting:
            break
        allowed = waiting.pop()
        found = _best_of(qualification, allowed)
        if _rank(qualification, found) <= _rank(qualification, best):
            continue
        pair = next((pair for pair in qualification.barred if found.codes.issuperset(pair)), None)
        if pair is None:
            best = found
        else:
            waiting.extend(allowed - {code} for code in pair if code not in qualification.mandatory)
    return best


def _rank(qualification: QualificationDocument, found: _Selection) -> tuple[int, int, int, int]:
    """The fewer shortfalls the better, then more progress, credits and units."""
    shortfalls = list(_shortfalls(qualification, found))
    return (-sum(each > 0 for each in shortfalls), -sum(shortfalls), found.credits, len(found.codes))


def _best_of(qualification: QualificationDocument, allowed: frozenset[str]) -> _Selection:
    """The best selection of units none of which bar each other: group by group, then together."""
    together = {_key(start): start for start in [_selection(qualification, allowed & set(qualification.mandatory))]}
    for group in qualification.groups:
        parts = _of_group(qualification, group, [code for code in group.units if code in allowed])
        together = _undominated(
            _Selection(one.codes | part.codes, one.credits + part.credits, one.at_level + part.at_level)
            for one in together.values()
            for part in parts
        )
    return max(together.values(), key=lambda each: _rank(qualification, each))


def _of_group(
    qualification: QualificationDocument, group: QualificationGroup, codes: Collection[str]
) -> list[_Selection]:
    """The selections from one group worth looking at: none goes over its maximum, none is worse in every way."""
    if group.maximum is None and group.maximum_credits is None:
        return [_selection(qualification, codes)]
    reached = [_Selection(frozenset(), 0, 0)]
    for code in codes:
        longer = (_with(qualification, each, qualification.by_code[code]) for each in reached)
        reached = _worth_keeping([*reached, *(each for each in longer if _is_within(group, each))], group)
    short = min(_short_of(group, each) for each in reached)
    return list(_undominated(each for each in reached if _short_of(group, each) == short).values())


def _worth_keeping(reached: list[_Selection], group: QualificationGroup) -> list[_Selection]:
    """Of as many units, only what is best; where the group limits credits, also of each sum of credits."""
    by_size: dict[tuple[int, ...], list[_Selection]] = defaultdict(list)
    for each in reached:
        limits_credits = group.maximum_credits is not None
        by_size[(len(each.codes), each.credits) if limits_credits else (len(each.codes),)].append(each)
    return [each for same in by_size.values() for each in _undominated(same).values()]


def _with(qualification: QualificationDocument, selection: _Selection, unit: QualificationUnit) -> _Selection:
    one = _selection(qualification, {unit.code})
    return _Selection(selection.codes | one.codes, selection.credits + one.credits, selection.at_level + one.at_level)


def _selection(qualification: QualificationDocument, codes: Collection[str]) -> _Selection:
    units = [qualification.by_code[code] for code in codes]
    high = [
        unit for unit in units if qualification.at_level is not None and (unit.level or 0) >= qualification.at_level
    ]
    return _Selection(
        frozenset(codes), sum(unit.credit or 0 for unit in units), sum(unit.credit or 0 for unit in high)
    )


def _is_within(group: QualificationGroup, selection: _Selection) -> bool:
    if group.maximum is not None and len(selection.codes) > group.maximum:
        return False
    return group.maximum_credits is None or selection.credits <= group.maximum_credits


def _short_of(group: QualificationGroup, selection: _Selection) -> tuple[int, int]:
    """How many units and credits are lacking of the group's minimum."""
    return max(0, group.minimum - len(selection.codes)), max(0, group.minimum_credits - selection.credits)


def _key(selection: _Selection) -> tuple[int, int, int]:
    return len(selection.codes), selection.credits, selection.at_level


def _undominated(selections: Iterable[_Selection]) -> dict[tuple[int, int, int], _Selection]:
    """Without those that another one equals or beats in units, credits and credits at the level."""
    best: dict[tuple[int, int, int], _Selection] = {}
    for each in selections:
        best.setdefault(_key(each), each)
    kept: dict[tuple[int, int, int], _Selection] = {}
    for key in sorted(best, reverse=True):
        if not any(all(mine <= theirs for mine, theirs in zip(key, other, strict=True)) for other in kept):
            kept[key] = best[key]
    return kept


# --- what is lacking, in numbers and in words --------------------------------------------------------------


def _shortfalls(qualification: QualificationDocument, found: _Selection) -> Iterator[int]:
    """What each rule lacks; all zero when every rule is fulfilled."""
    yield len(set(qualification.mandatory) - found.codes)
    for group in qualification.groups:
        units, credit = _short_of(group, _selection(qualification, found.codes & set(group.units)))
        yield units
        yield credit
    yield max(0, qualification.minimum_units - len(found.codes))
    yield max(0, qualification.minimum_credits - found.credits)
    yield max(0, qualification.credits_at_level - found.at_level)


def _missing(qualification: QualificationDocument, found: _Selection, verb: str) -> Iterator[str]:
    """A sentence for each rule that is not fulfilled; `verb` is what one does about it."""
    said = verb.capitalize()
    lacking = [code for code in qualification.mandatory if code not in found.codes]
    for code in lacking:
        yield f"{said} {code}, {qualification.by_code[code].title}: it is mandatory."
    named = len(lacking)
    for group in qualification.groups:
        units, credit = _short_of(group, _selection(qualification, found.codes & set(group.units)))
        named += units
        more = f", worth at least {counted(credit, 'credit')}" if credit else ""
        if units or credit:
            yield f"{said} {f'{units} ' if units else ''}more from {group.label}{more}."
    if len(found.codes) + named < qualification.minimum_units:
        units = qualification.minimum_units - len(found.codes)
        yield f"{said} {counted(units, 'unit')} more in all: at least {qualification.minimum_units} must count."
    if found.credits < qualification.minimum_credits:
        credit = qualification.minimum_credits - found.credits
        yield f"{said} {counted(credit, 'credit')} more in all: {qualification.minimum_credits} are asked for."
    if found.at_level < qualification.credits_at_level:
        credit = qualification.credits_at_level - found.at_level
        more = f"{counted(credit, 'credit')} more at level {qualification.at_level} or above"
        yield f"{said} {more}: {qualification.credits_at_level} are asked for there."


def _surplus(
    qualification: QualificationDocument, found: _Selection, achieved: Collection[str]
) -> Iterator[tuple[str, str]]:
    for code in sorted(set(achieved) - found.codes):
        yield code, _why_not(qualification, code, found.codes)


def _why_not(qualification: QualificationDocument, code: str, counted_codes: AbstractSet[str]) -> str:
    if code not in qualification.by_code:
        return "It is not part of this qualification."
    against = [other for other in qualification.barred_with(code) if other in counted_codes]
    if against:
        return f"It may not count together with {against[0]}."
    group = qualification.group_of(code)
    if group and group.maximum is not None:
        inside = len(counted_codes & set(group.units))
        if inside >= group.maximum:
            return f"{group.label} is full: at most {counted(group.maximum, 'unit')} of it count."
    if group and group.maximum_credits is not None:
        return f"{group.label} is full: at most {counted(group.maximum_credits, 'credit')} of it count."
    return "It is not needed."


def _blocked(qualification: QualificationDocument, planned: _Selection, everything: Collection[str]) -> Iterator[str]:
    for code in sorted(set(everything) - planned.codes):
        if code not in qualification.by_code:
            continue
        against = sorted(set(qualification.barred_with(code)) & planned.codes)
        if against:
            yield f"{code} and {against[0]} may not count together: choose another for one of them."
        else:
            yield f"{code} will not count. {_why_not(qualification, code, planned.codes)}"


def _place(qualification: QualificationDocument, code: str) -> str:
    group = qualification.group_of(code)
    return group.label if group else MANDATORY


def counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def rule_of(group: QualificationGroup) -> str:
    """The group's rule in words: `at least 1 and at most 2 units`, `at least 20 credits`."""
    said = []
    for least, most, word in (
        (group.minimum, group.maximum, "unit"),
        (group.minimum_credits, group.maximum_credits, "credit"),
    ):
        if least and most == least:
            said.append(f"exactly {counted(least, word)}")
        elif least and most is not None:
            said.append(f"at least {least} and at most {counted(most, word)}")
        elif least:
            said.append(f"at least {counted(least, word)}")
        elif most is not None:
            said.append(f"at most {counted(most, word)}")
    return ", ".join(said) or "as many as are wanted"
