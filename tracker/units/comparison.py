"""Two versions of one unit side by side: what stayed, moved, was reworded, is new, is gone. Pure.

Each old statement is matched with at most one new one, so that all matches together are as alike as they can be.
What a person decided goes before: a confirmed link is always there (one statement may become two, and two one), a
refused one never.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from tracker.units.documents import CriterionDocument, RequirementDocument, UnitDocument
from tracker.units.similarity import Scale, Statement, read

PROPOSED = 40
"""Below this likeness, in per cent, one statement is not taken for a rewording of another."""
MAX_TANGLE_SIZE = 150
"""Statements that could each be many others: beyond this the best are taken one by one."""
PIECE = re.compile(r"\s+|[^\W_]+(?:['’][^\W_]+)*|.", re.DOTALL)

Link = tuple[int, int]
"""Position in the old version, position in the new one."""


class PairKind(StrEnum):
    UNCHANGED = "unchanged"
    MOVED = "moved"
    """The same words under another label or heading, or in another order."""
    REWORDED = "reworded"
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Run:
    """Words that stand together and are in both versions, or in this one only."""

    text: str
    is_changed: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """A statement of the old version beside what it is in the new one."""

    kind: PairKind
    old: CriterionDocument | None
    new: CriterionDocument | None
    likeness: int = 0

    @property
    def link(self) -> Link | None:
        return (self.old.position, self.new.position) if self.old and self.new else None

    @property
    def is_same_wording(self) -> bool:
        """Whether what was decided of the old statement holds of the new one word for word."""
        return self.kind in {PairKind.UNCHANGED, PairKind.MOVED}

    def runs(self) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
        """Both texts in runs of words, to mark what changed."""
        return diff(full_text(self.old) if self.old else "", full_text(self.new) if self.new else "")


def compare_versions(
    old: UnitDocument,
    new: UnitDocument,
    confirmed: Collection[Link] = (),
    refused: Collection[Link] = (),
) -> list[Pair]:
    """The new version in its order, each statement with what it was; what is gone stands where it stood.

    A statement that was linked to two stands twice.
    """
    before = {each.position: each for each in old.criteria}
    after = {each.position: each for each in new.criteria}
    links = {(one, two) for one, two in confirmed if one in before and two in after}
    wording = {"old": wordings(old), "new": wordings(new)}
    free_old = [each for each in old.criteria if each.position not in {one for one, _ in links}]
    free_new = [each for each in new.criteria if each.position not in {two for _, two in links}]
    links |= _same(free_old, free_new, wording["old"], wording["new"], set(refused))
    taken_old, taken_new = {one for one, _ in links}, {two for _, two in links}
    scale = Scale(full_text(each) for each in (*old.criteria, *new.criteria))
    links |= _alike(
        [each for each in free_old if each.position not in taken_old],
        [each for each in free_new if each.position not in taken_new],
        scale,
        set(refused),
    )
    stayed = _in_order(links)
    pairs = [
        _pair(
            before[one],
            after[two],
            is_same=wording["old"][one] == wording["new"][two],
            is_in_place=(one, two) in stayed,
            scale=scale,
        )
        for one, two in links
    ]
    pairs += [Pair(PairKind.GONE, each, None) for each in old.criteria if each.position not in {p for p, _ in links}]
    pairs += [Pair(PairKind.NEW, None, each) for each in new.criteria if each.position not in {p for _, p in links}]
    return _laid_out(pairs)


def same_requirements(old: UnitDocument, new: UnitDocument) -> dict[int, int]:
    """Evidence requirements that stand word for word in both: position in the old one to position in the new one."""
    places: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for each in new.evidence_requirements:
        places[_requirement_wording(each)].append(each.position)
    found = {}
    for each in old.evidence_requirements:
        if waiting := places[_requirement_wording(each)]:
            found[each.position] = waiting.pop(0)
    return found


def wordings(unit: UnitDocument) -> dict[int, tuple[object, ...]]:
    """What each statement asks, by position: two that are equal can be judged by the same decision.

    White space does not count. The stem a sub-item stands under does, and so does every rule that hangs on it.
    """
    own = {each.position: each for each in unit.criteria}
    return {
        each.position: (
            each.kind,
            each.assessable,
            tuple(_spaced(full_text(stem)) for stem in _stems(each, own)),
            _spaced(full_text(each)),
            _spaced(each.selection or ""),
            each.simulation_allowed,
        )
        for each in unit.criteria
    }


def full_text(criterion: CriterionDocument) -> str:
    """A statement with its unlabelled sub-points, which are part of it."""
    return "\n".join([criterion.text, *(f"• {point}" for point in criterion.points)])


def diff(old: str, new: str, *, of_words: bool = False) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """Both texts in runs of words; those in one text only are changed. Put together again they are the texts.

    `of_words` leaves capitals and stops aside: between two units they mean nothing.
    """
    before, after = PIECE.findall(old), PIECE.findall(new)
    one, two = ([_bare(piece.casefold() if of_words else piece) for piece in pieces] for pieces in (before, after))
    matcher = SequenceMatcher(None, one, two, autojunk=False)
    left: list[Run] = []
    right: list[Run] = []
    for what, start, end, other_start, other_end in matcher.get_opcodes():
        _add(left, before[start:end], is_changed=what != "equal", of_words=of_words)
        _add(right, after[other_start:other_end], is_changed=what != "equal", of_words=of_words)
    return tuple(left), tuple(right)


def _add(runs: list[Run], pieces: Sequence[str], *, is_changed: bool, of_words: bool) -> None:
    text = "".join(pieces)
    says_nothing = text.isspace() or (of_words and not any(sign.isalnum() for sign in text))
    if text:
        runs.append(Run(text, is_changed=is_changed and not says_nothing))


def _bare(piece: str) -> str:
    return " " if piece.isspace() else piece


def _same(
    old: Iterable[CriterionDocument],
    new: Iterable[CriterionDocument],
    before: Mapping[int, object],
    after: Mapping[int, object],
    refused: Collection[Link],
) -> set[Link]:
    """Statements of the same wording, first those that keep label and heading; the rest in their order."""
    old, new = list(old), list(new)
    links: set[Link] = set()
    for stays in (True, False):
        taken_old, taken_new = {one for one, _ in links}, {two for _, two in links}
        waiting: dict[object, list[CriterionDocument]] = defaultdict(list)
        for each in new:
            if each.position not in taken_new:
                waiting[after[each.position]].append(each)
        for each in old:
            if each.position in taken_old:
                continue
            fitting = (
                other
                for other in waiting[before[each.position]]
                if (each.position, other.position) not in refused and (not stays or _is_placed_alike(each, other))
            )
            if other := next(fitting, None):
                waiting[before[each.position]].remove(other)
                links.add((each.position, other.position))
    return links


def _alike(
    old: Sequence[CriterionDocument], new: Sequence[CriterionDocument], scale: Scale, refused: Collection[Link]
) -> set[Link]:
    """The one-to-one matching of the rest whose likenesses come to the most."""
    texts = {id(each): read(full_text(each)) for each in (*old, *new)}
    scores = {
        (one.position, two.position): score
        for one in old
        for two in new
        if (one.kind, one.assessable) == (two.kind, two.assessable)
        and (one.position, two.position) not in refused
        and (score := _score(one, two, scale, texts)) >= PROPOSED
    }
    return {link for tangle in _tangles(scores) for link in _matched(tangle)}


def _score(one: CriterionDocument, two: CriterionDocument, scale: Scale, texts: Mapping[int, Statement]) -> float:
    """Likeness, and where two are as alike as each other, the one in the same place first."""
    likeness = scale.compare(texts[id(one)], texts[id(two)], PROPOSED)
    return likeness + (0.5 if likeness and _is_placed_alike(one, two) else 0)


def _tangles(scores: Mapping[Link, float]) -> Iterator[dict[Link, float]]:
    """The links in groups that share no statement, each to be matched by itself."""
    by_old: dict[int, set[int]] = defaultdict(set)
    by_new: dict[int, set[int]] = defaultdict(set)
    for one, two in scores:
        by_old[one].add(two)
        by_new[two].add(one)
    while by_old:
        olds: set[int] = set()
        news: set[int] = set()
        waiting = [next(iter(by_old))]
        while waiting:
            one = waiting.pop()
            if one in olds:
                continue
            olds.add(one)
            fresh = by_old.pop(one) - news
            news |= fresh
            waiting += [each for two in fresh for each in by_new[two]]
        yield {link: score for link, score in scores.items() if link[0] in olds}


def _matched(scores: Mapping[Link, float]) -> Iterator[Link]:
    """The best one-to-one matching of one tangle."""
    olds, news = sorted({one for one, _ in scores}), sorted({two for _, two in scores})
    if max(len(olds), len(news)) > MAX_TANGLE_SIZE:
        yield from _one_by_one(scores)
        return
    size = max(len(olds), len(news))
    costs = [
        [
            -scores.get((olds[row], news[column]), 0.0) if row < len(olds) and column < len(news) else 0.0
            for column in range(size)
        ]
        for row in range(size)
    ]
    for row, column in enumerate(assign(costs)):
        if row < len(olds) and column < len(news) and (olds[row], news[column]) in scores:
            yield olds[row], news[column]


def _one_by_one(scores: Mapping[Link, float]) -> Iterator[Link]:
    taken_old: set[int] = set()
    taken_new: set[int] = set()
    for one, two in sorted(scores, key=lambda link: (-scores[link], link)):
        if one not in taken_old and two not in taken_new:
            taken_old.add(one)
            taken_new.add(two)
            yield one, two


def assign(costs: Sequence[Sequence[float]]) -> list[int]:
    """For each row of a square table the column it gets, so that all costs together are least (Kuhn and Munkres)."""
    size = len(costs)
    row_price, column_price = [0.0] * (size + 1), [0.0] * (size + 1)
    row_of = [0] * (size + 1)  # by column, from one; 0 stands for none
    for row in range(1, size + 1):
        way = _shortest_way(costs, row, row_of, row_price, column_price)
        column = way.pop()
        for earlier in reversed(way):
            row_of[column] = row_of[earlier]
            column = earlier
    columns = [0] * size
    for column in range(1, size + 1):
        columns[row_of[column] - 1] = column - 1
    return columns


def _shortest_way(
    costs: Sequence[Sequence[float]],
    row: int,
    row_of: list[int],
    row_price: list[float],
    column_price: list[float],
) -> list[int]:
    """The columns that have to change hands so that one row more gets a column, from 0 to the free one."""
    size = len(costs)
    row_of[0], column = row, 0
    least, reached_from, done = [float("inf")] * (size + 1), [0] * (size + 1), [False] * (size + 1)
    while row_of[column]:
        done[column] = True
        here, step, following = row_of[column], float("inf"), 0
        for other in range(1, size + 1):
            if done[other]:
                continue
            cost = costs[here - 1][other - 1] - row_price[here] - column_price[other]
            if cost < least[other]:
                least[other], reached_from[other] = cost, column
            if least[other] < step:
                step, following = least[other], other
        for other in range(size + 1):
            if done[other]:
                row_price[row_of[other]] += step
                column_price[other] -= step
            else:
                least[other] -= step
        column = following
    way = [column]
    while way[-1]:
        way.append(reached_from[way[-1]])
    return way[::-1]


def _pair(old: CriterionDocument, new: CriterionDocument, *, is_same: bool, is_in_place: bool, scale: Scale) -> Pair:
    if is_same:
        kind = PairKind.UNCHANGED if is_in_place and _is_placed_alike(old, new) else PairKind.MOVED
        return Pair(kind, old, new, 100)
    return Pair(PairKind.REWORDED, old, new, scale.likeness(full_text(old), full_text(new)))


def _is_placed_alike(old: CriterionDocument, new: CriterionDocument) -> bool:
    return (old.label, _spaced(old.heading or "")) == (new.label, _spaced(new.heading or ""))


def _in_order(links: Collection[Link]) -> set[Link]:
    """The most links that keep their order: what else there is has moved past them."""
    ordered = sorted(links)
    best: list[tuple[int, int]] = []  # how long the order ending here is, and the link before it
    for at, (_, two) in enumerate(ordered):
        longest = max(((best[i][0], i) for i in range(at) if ordered[i][1] < two), default=(0, -1))
        best.append((longest[0] + 1, longest[1]))
    kept: set[Link] = set()
    at = max(range(len(best)), key=lambda i: best[i][0], default=-1)
    while at >= 0:
        kept.add(ordered[at])
        at = best[at][1]
    return kept


def _laid_out(pairs: Sequence[Pair]) -> list[Pair]:
    """In the order of the new version; each that is gone behind the one it stood behind."""
    shown = sorted((p for p in pairs if p.new), key=lambda p: (p.new.position, p.old.position if p.old else 0))  # type: ignore[union-attr]  # those without are gone
    gone = sorted((p for p in pairs if not p.new and p.old), key=lambda p: p.old.position)  # type: ignore[union-attr]  # likewise
    for pair in gone:
        position = pair.old.position if pair.old else 0
        behind = [(p.old.position, at) for at, p in enumerate(shown) if p.old and p.old.position < position]
        shown.insert(max(behind)[1] + 1 if behind else 0, pair)
    return shown


def _stems(criterion: CriterionDocument, own: Mapping[int, CriterionDocument]) -> Iterator[CriterionDocument]:
    parent = criterion.parent
    while parent is not None and parent in own:
        yield own[parent]
        parent = own[parent].parent


def _requirement_wording(requirement: RequirementDocument) -> tuple[str, ...]:
    return (_spaced(requirement.text), *map(_spaced, requirement.points))


def _spaced(text: str) -> str:
    return " ".join(text.split())
