"""Comparison of two versions of a unit: unchanged, moved, reworded, new and removed criteria. Pure functions.

Each old criterion is matched with at most one new one so that the sum of all similarities is highest (the Hungarian
algorithm). People's decisions come first: a confirmed link is always kept, even where one criterion became two or two
became one, and a refused link is never proposed.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from tracker.units.documents import CriterionDocument, RequirementDocument, UnitDocument
from tracker.units.similarity import SimilarityMeasure, TokenisedText, tokenise

MIN_SIMILARITY = 40
"""Per cent. Below this, one criterion is not taken for a rewording of another."""
MAX_ASSIGNMENT_SIZE = 150
"""Criteria in one connected component. Above this the best matches are taken greedily, because the Hungarian
algorithm takes cubic time.
"""
TOKEN = re.compile(r"\s+|[^\W_]+(?:['’][^\W_]+)*|.", re.DOTALL)
"""White space, a word, or a single other character."""

Link = tuple[int, int]
"""Position in the old version, position in the new version."""


class PairKind(StrEnum):
    """Change of a criterion between two versions."""

    UNCHANGED = "unchanged"
    MOVED = "moved"
    """The same words under another label or heading, or in another order."""
    REWORDED = "reworded"
    NEW = "new"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class DiffSegment:
    """A stretch of text that stands in both versions, or is changed."""

    text: str
    is_changed: bool


@dataclass(frozen=True, slots=True)
class StatementPair:
    """A criterion of the old version beside its counterpart in the new one; either may be missing."""

    kind: PairKind
    old: CriterionDocument | None
    new: CriterionDocument | None
    similarity: int = 0

    @property
    def link(self) -> Link | None:
        """Return both positions; None where one side is missing."""
        return (self.old.position, self.new.position) if self.old and self.new else None

    @property
    def is_same_wording(self) -> bool:
        """Return whether a decision on the old criterion also holds for the new one."""
        return self.kind in {PairKind.UNCHANGED, PairKind.MOVED}

    def segments(self) -> tuple[tuple[DiffSegment, ...], tuple[DiffSegment, ...]]:
        """Return both texts in segments, to mark what changed."""
        return diff(full_text(self.old) if self.old else "", full_text(self.new) if self.new else "")


def compare_versions(
    old: UnitDocument,
    new: UnitDocument,
    confirmed: Collection[Link] = (),
    refused: Collection[Link] = (),
) -> list[StatementPair]:
    """Return the pairs in the order of the new version; a removed criterion stays after its old neighbour.

    A criterion that is linked to two others appears in two pairs.

    Args:
        old: The older version.
        new: The newer version.
        confirmed: Links that a person confirmed; they are always kept.
        refused: Links that a person refused; they are never proposed.
    """
    before = {each.position: each for each in old.criteria}
    after = {each.position: each for each in new.criteria}
    links = {(one, two) for one, two in confirmed if one in before and two in after}
    wording = {"old": list_wordings(old), "new": list_wordings(new)}
    free_old = [each for each in old.criteria if each.position not in {one for one, _ in links}]
    free_new = [each for each in new.criteria if each.position not in {two for _, two in links}]
    links |= _match_same_wording(free_old, free_new, wording["old"], wording["new"], set(refused))
    taken_old, taken_new = {one for one, _ in links}, {two for _, two in links}
    measure = SimilarityMeasure(full_text(each) for each in (*old.criteria, *new.criteria))
    links |= _match_similar(
        [each for each in free_old if each.position not in taken_old],
        [each for each in free_new if each.position not in taken_new],
        measure,
        set(refused),
    )
    links_in_order = _find_longest_increasing_subsequence(links)
    pairs = [
        _make_pair(
            before[one],
            after[two],
            is_same=wording["old"][one] == wording["new"][two],
            is_in_place=(one, two) in links_in_order,
            measure=measure,
        )
        for one, two in links
    ]
    pairs += [
        StatementPair(PairKind.REMOVED, each, None)
        for each in old.criteria
        if each.position not in {p for p, _ in links}
    ]
    pairs += [
        StatementPair(PairKind.NEW, None, each) for each in new.criteria if each.position not in {p for _, p in links}
    ]
    return _sort_pairs(pairs)


def match_requirements(old: UnitDocument, new: UnitDocument) -> dict[int, int]:
    """Return evidence requirements with the same words in both versions, as old position to new position."""
    unmatched: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for each in new.evidence_requirements:
        unmatched[_get_requirement_wording(each)].append(each.position)
    result = {}
    for each in old.evidence_requirements:
        if positions := unmatched[_get_requirement_wording(each)]:
            result[each.position] = positions.pop(0)
    return result


def list_wordings(unit: UnitDocument) -> dict[int, tuple[object, ...]]:
    """Return what each criterion asks for, by position; criteria with equal values can share an assessment decision.

    White space does not count. The stems above an item count, and so does every rule attached to it.
    """
    by_position = {each.position: each for each in unit.criteria}
    return {
        each.position: (
            each.kind,
            each.assessable,
            tuple(_collapse_spaces(full_text(stem)) for stem in _list_stems(each, by_position)),
            _collapse_spaces(full_text(each)),
            _collapse_spaces(each.selection or ""),
            each.simulation_allowed,
        )
        for each in unit.criteria
    }


def full_text(criterion: CriterionDocument) -> str:
    """Return the text of a criterion with its unlabelled sub-points, which are part of it."""
    return "\n".join([criterion.text, *(f"• {point}" for point in criterion.points)])


def diff(old: str, new: str, *, of_words: bool = False) -> tuple[tuple[DiffSegment, ...], tuple[DiffSegment, ...]]:
    """Return both texts in segments; joined together, the segments give the texts again.

    Args:
        old: The text before.
        new: The text after.
        of_words: Ignore capitals and punctuation, which carry no meaning between two different units.
    """
    before, after = TOKEN.findall(old), TOKEN.findall(new)
    one, two = (
        [_normalise_space(piece.casefold() if of_words else piece) for piece in pieces] for pieces in (before, after)
    )
    matcher = SequenceMatcher(None, one, two, autojunk=False)
    left: list[DiffSegment] = []
    right: list[DiffSegment] = []
    for operation, start, end, other_start, other_end in matcher.get_opcodes():
        _add_segment(left, before[start:end], is_changed=operation != "equal", of_words=of_words)
        _add_segment(right, after[other_start:other_end], is_changed=operation != "equal", of_words=of_words)
    return tuple(left), tuple(right)


def _add_segment(segments: list[DiffSegment], pieces: Sequence[str], *, is_changed: bool, of_words: bool) -> None:
    text = "".join(pieces)
    is_insignificant = text.isspace() or (of_words and not any(sign.isalnum() for sign in text))
    if text:
        segments.append(DiffSegment(text, is_changed=is_changed and not is_insignificant))


def _normalise_space(piece: str) -> str:
    return " " if piece.isspace() else piece


def _match_same_wording(
    old: Iterable[CriterionDocument],
    new: Iterable[CriterionDocument],
    before: Mapping[int, object],
    after: Mapping[int, object],
    refused: Collection[Link],
) -> set[Link]:
    """Match criteria of the same wording: first those that keep label and heading, then the rest in order."""
    old, new = list(old), list(new)
    links: set[Link] = set()
    for keeps_place in (True, False):
        taken_old, taken_new = {one for one, _ in links}, {two for _, two in links}
        unmatched: dict[object, list[CriterionDocument]] = defaultdict(list)
        for each in new:
            if each.position not in taken_new:
                unmatched[after[each.position]].append(each)
        for each in old:
            if each.position in taken_old:
                continue
            candidates = (
                other
                for other in unmatched[before[each.position]]
                if (each.position, other.position) not in refused
                and (not keeps_place or _has_same_place(each, other))
            )
            if other := next(candidates, None):
                unmatched[before[each.position]].remove(other)
                links.add((each.position, other.position))
    return links


def _match_similar(
    old: Sequence[CriterionDocument],
    new: Sequence[CriterionDocument],
    measure: SimilarityMeasure,
    refused: Collection[Link],
) -> set[Link]:
    """Match the remaining criteria one to one so that the similarities add up to the most."""
    texts = {id(each): tokenise(full_text(each)) for each in (*old, *new)}
    scores = {
        (one.position, two.position): score
        for one in old
        for two in new
        if (one.kind, one.assessable) == (two.kind, two.assessable)
        and (one.position, two.position) not in refused
        and (score := _score(one, two, measure, texts)) >= MIN_SIMILARITY
    }
    return {link for component in _find_connected_components(scores) for link in _match_component(component)}


def _score(
    one: CriterionDocument, two: CriterionDocument, measure: SimilarityMeasure, texts: Mapping[int, TokenisedText]
) -> float:
    """Return the similarity, and half a point more where label and heading are the same."""
    similarity = measure.compare(texts[id(one)], texts[id(two)], MIN_SIMILARITY)
    return similarity + (0.5 if similarity and _has_same_place(one, two) else 0)


def _find_connected_components(scores: Mapping[Link, float]) -> Iterator[dict[Link, float]]:
    """Yield the links in groups that share no criterion; each group can be matched by itself."""
    by_old: dict[int, set[int]] = defaultdict(set)
    by_new: dict[int, set[int]] = defaultdict(set)
    for one, two in scores:
        by_old[one].add(two)
        by_new[two].add(one)
    while by_old:
        olds: set[int] = set()
        news: set[int] = set()
        pending = [next(iter(by_old))]
        while pending:
            one = pending.pop()
            if one in olds:
                continue
            olds.add(one)
            added = by_old.pop(one) - news
            news |= added
            pending += [each for two in added for each in by_new[two]]
        yield {link: score for link, score in scores.items() if link[0] in olds}


def _match_component(scores: Mapping[Link, float]) -> Iterator[Link]:
    """Yield the best one-to-one matching of one connected component."""
    olds, news = sorted({one for one, _ in scores}), sorted({two for _, two in scores})
    if max(len(olds), len(news)) > MAX_ASSIGNMENT_SIZE:
        yield from _match_greedily(scores)
        return
    size = max(len(olds), len(news))
    costs = [
        [
            -scores.get((olds[row], news[column]), 0.0) if row < len(olds) and column < len(news) else 0.0
            for column in range(size)
        ]
        for row in range(size)
    ]
    for row, column in enumerate(solve_assignment(costs)):
        if row < len(olds) and column < len(news) and (olds[row], news[column]) in scores:
            yield olds[row], news[column]


def _match_greedily(scores: Mapping[Link, float]) -> Iterator[Link]:
    """Yield the best links one after another, each criterion once."""
    taken_old: set[int] = set()
    taken_new: set[int] = set()
    for one, two in sorted(scores, key=lambda link: (-scores[link], link)):
        if one not in taken_old and two not in taken_new:
            taken_old.add(one)
            taken_new.add(two)
            yield one, two


def solve_assignment(costs: Sequence[Sequence[float]]) -> list[int]:
    """Return for each row the column assigned to it at the lowest total cost (Hungarian algorithm, Kuhn–Munkres).

    Args:
        costs: A matrix with as many rows as columns.
    """
    size = len(costs)
    row_price, column_price = [0.0] * (size + 1), [0.0] * (size + 1)
    row_of = [0] * (size + 1)  # by column, counted from 1; 0 means no row
    for row in range(1, size + 1):
        path = _find_augmenting_path(costs, row, row_of, row_price, column_price)
        column = path.pop()
        for earlier in reversed(path):
            row_of[column] = row_of[earlier]
            column = earlier
    columns = [0] * size
    for column in range(1, size + 1):
        columns[row_of[column] - 1] = column - 1
    return columns


def _find_augmenting_path(
    costs: Sequence[Sequence[float]],
    row: int,
    row_of: list[int],
    row_price: list[float],
    column_price: list[float],
) -> list[int]:
    """Return the columns of the shortest augmenting path for one more row, from 0 to the free column."""
    size = len(costs)
    row_of[0], column = row, 0
    least_costs, reached_from, done = [float("inf")] * (size + 1), [0] * (size + 1), [False] * (size + 1)
    while row_of[column]:
        done[column] = True
        current_row, delta, next_column = row_of[column], float("inf"), 0
        for other in range(1, size + 1):
            if done[other]:
                continue
            cost = costs[current_row - 1][other - 1] - row_price[current_row] - column_price[other]
            if cost < least_costs[other]:
                least_costs[other], reached_from[other] = cost, column
            if least_costs[other] < delta:
                delta, next_column = least_costs[other], other
        for other in range(size + 1):
            if done[other]:
                row_price[row_of[other]] += delta
                column_price[other] -= delta
            else:
                least_costs[other] -= delta
        column = next_column
    path = [column]
    while path[-1]:
        path.append(reached_from[path[-1]])
    return path[::-1]


def _make_pair(
    old: CriterionDocument, new: CriterionDocument, *, is_same: bool, is_in_place: bool, measure: SimilarityMeasure
) -> StatementPair:
    if is_same:
        kind = PairKind.UNCHANGED if is_in_place and _has_same_place(old, new) else PairKind.MOVED
        return StatementPair(kind, old, new, 100)
    return StatementPair(PairKind.REWORDED, old, new, measure.similarity(full_text(old), full_text(new)))


def _has_same_place(old: CriterionDocument, new: CriterionDocument) -> bool:
    return (old.label, _collapse_spaces(old.heading or "")) == (new.label, _collapse_spaces(new.heading or ""))


def _find_longest_increasing_subsequence(links: Collection[Link]) -> set[Link]:
    """Return the largest set of links that keep their order; the other criteria have moved past them."""
    ordered = sorted(links)
    best: list[tuple[int, int]] = []  # length of the subsequence that ends here, and its previous link
    for at, (_, two) in enumerate(ordered):
        longest = max(((best[i][0], i) for i in range(at) if ordered[i][1] < two), default=(0, -1))
        best.append((longest[0] + 1, longest[1]))
    in_order: set[Link] = set()
    at = max(range(len(best)), key=lambda i: best[i][0], default=-1)
    while at >= 0:
        in_order.add(ordered[at])
        at = best[at][1]
    return in_order


def _sort_pairs(pairs: Sequence[StatementPair]) -> list[StatementPair]:
    """Sort by the order of the new version; put each removed criterion after the one that preceded it."""
    result = sorted((p for p in pairs if p.new), key=lambda p: (p.new.position, p.old.position if p.old else 0))  # type: ignore[union-attr]  # removed pairs are filtered out
    removed = sorted((p for p in pairs if not p.new and p.old), key=lambda p: p.old.position)  # type: ignore[union-attr]  # new pairs are filtered out
    for pair in removed:
        position = pair.old.position if pair.old else 0
        preceding = [(p.old.position, at) for at, p in enumerate(result) if p.old and p.old.position < position]
        result.insert(max(preceding)[1] + 1 if preceding else 0, pair)
    return result


def _list_stems(
    criterion: CriterionDocument, by_position: Mapping[int, CriterionDocument]
) -> Iterator[CriterionDocument]:
    parent = criterion.parent
    while parent is not None and parent in by_position:
        yield by_position[parent]
        parent = by_position[parent].parent


def _get_requirement_wording(requirement: RequirementDocument) -> tuple[str, ...]:
    return (_collapse_spaces(requirement.text), *map(_collapse_spaces, requirement.points))


def _collapse_spaces(text: str) -> str:
    return " ".join(text.split())
