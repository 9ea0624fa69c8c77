"""Changes in a migration that break the previous release, found by parsing the code of the migration."""

import ast
from collections.abc import Iterator

CONTRACT = "COMPLETES"
"""The variable that marks a migration as a contract; its value is the earlier release's revision that it completes."""
WIDENED = "WIDENED"
"""The variable that lists replaced CHECKs of terms; the last two parts of each entry are the terms before and after."""
REMOVING = {"drop_table", "drop_column", "rename_table"}
CONSTRAINING = {"create_check_constraint", "create_unique_constraint", "create_exclude_constraint"}
STATEMENTS = ("DROP TABLE", "DROP COLUMN", "RENAME", "SET NOT NULL", "ALTER COLUMN", "ADD CONSTRAINT")


def find_breaking_changes(code: str) -> list[str]:
    """List the calls outside `downgrade` that remove, rename or restrict what the previous release uses.

    A constraint or unique index counts unless the migration makes its table: the previous release may write rows that
    break it. A CHECK of terms that is replaced by a wider one does not count.
    """
    tree = ast.parse(code)
    is_wider = _only_widens_checks(tree)
    parts = [each for each in tree.body if not (isinstance(each, ast.FunctionDef) and each.name == "downgrade")]
    nodes = [node for part in parts for node in ast.walk(part)]
    made = {name for node in nodes if _get_name(node) == "create_table" for name in _list_texts(node)[:1]}
    return [
        change
        for node in nodes
        if not made & set(_list_texts(node))
        for change in _list_changes(node)
        if not (is_wider and change == "create_check_constraint")
    ]


def find_contract(code: str) -> str | None:
    """Return the revision that a contract completes, or None for any other migration."""
    for node in ast.parse(code).body:
        if isinstance(node, ast.Assign) and [getattr(each, "id", "") for each in node.targets] == [CONTRACT]:
            return str(ast.literal_eval(node.value))
    return None


def _only_widens_checks(tree: ast.Module) -> bool:
    """Return whether the migration lists CHECKs that it replaces, and each allows all terms that it allowed before."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and [getattr(each, "id", "") for each in node.targets] == [WIDENED]:
            return all(set(before) < set(after) for *_, before, after in ast.literal_eval(node.value))
    return False


def _list_changes(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        statement = " ".join(node.value.upper().split())
        yield from (each for each in STATEMENTS if f"{each} " in f"{statement} ")
    if not isinstance(node, ast.Call):
        return
    name = _get_name(node)
    options = {each.arg: each.value for each in node.keywords}
    if name in REMOVING or name in CONSTRAINING:
        yield name
    elif name == "create_index" and _is_true(options.get("unique")):
        yield "create_index(unique=True)"
    elif name == "alter_column":
        yield from (f"alter_column({each})" for each in ("new_column_name", "type_") if each in options)
        if _is_false(options.get("nullable")):
            yield "alter_column(nullable=False)"
    elif name == "add_column":
        yield from (
            "add_column(nullable=False) without server_default"
            for argument in node.args
            if isinstance(argument, ast.Call) and _is_required(argument)
        )


def _get_name(node: ast.AST) -> str:
    """Return the name of the function that a call calls; nothing for other code."""
    return getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""


def _list_texts(node: ast.AST) -> list[str]:
    """Return the arguments of a call that are texts, such as the names of an index and its table."""
    arguments = node.args if isinstance(node, ast.Call) else []
    return [each.value for each in arguments if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def _is_required(column: ast.Call) -> bool:
    options = {each.arg: each.value for each in column.keywords}
    return _is_false(options.get("nullable")) and "server_default" not in options


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False
