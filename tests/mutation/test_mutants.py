"""The mutants: each place has one that changes it, and without an active one a module does what it did."""

from tests.mutation.mutants import ACTIVE, CHOOSE, mutate

SOURCE = '''
LIMIT = 3

def may_sign(person, roles, count):
    """Return whether a person may sign."""
    if person in roles and not count > LIMIT:
        roles.append(person)
        return True
    raise PermissionError(f"no {1}")

def find(query, own):
    return query.where(own == 1, query.open).with_for_update()
'''


def run(active: int | None) -> dict:
    tree, _ = mutate(SOURCE, "sample", 0)
    names: dict = {
        ACTIVE: lambda number: number == active,
        CHOOSE: lambda number, value, other: other() if number == active else value(),
    }
    exec(compile(tree, "sample", "exec"), names)  # noqa: S102 - the source above
    return names


def list_changes() -> set[tuple[str, str]]:
    return {(each.before, each.after) for each in mutate(SOURCE, "sample", 0)[1]}


def find_number(before: str, after: str) -> int:
    (mutant,) = [each for each in mutate(SOURCE, "sample", 0)[1] if (each.before, each.after) == (before, after)]
    return mutant.number


def test_conditions_comparisons_calls_and_errors_are_mutated() -> None:
    assert {
        ("person in roles", "person not in roles"),
        ("count > LIMIT", "count >= LIMIT"),
        ("not count > LIMIT", "count > LIMIT"),
        ("person in roles and (not count > LIMIT)", "person in roles"),
        ("person in roles and (not count > LIMIT)", "not count > LIMIT"),
        ("if person in roles and (not count > LIMIT)", "if True"),
        ("if person in roles and (not count > LIMIT)", "if False"),
        ("roles.append(person)", "pass"),
        ("True", "False"),
        ("raise PermissionError(f'no {1}')", "pass"),
    } <= list_changes()


def test_each_condition_and_lock_of_a_query_is_left_out() -> None:
    query = "query.where(own == 1, query.open)"
    assert {
        (query, "query.where(query.open)"),
        (query, "query.where(own == 1)"),
        (f"{query}.with_for_update()", query),
    } <= list_changes()


def test_without_an_active_mutant_nothing_changes() -> None:
    assert run(None)["may_sign"]("bob", ["bob"], 3) is True


def test_the_active_mutant_changes_its_place_only() -> None:
    assert run(find_number("count > LIMIT", "count >= LIMIT"))["may_sign"]("bob", ["bob"], 2) is True
    mutated = run(find_number("person in roles", "person not in roles"))
    assert mutated["may_sign"]("eve", ["bob"], 0) is True
