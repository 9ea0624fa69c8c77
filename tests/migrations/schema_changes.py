"""Changes in a migration that break the previous release, found by parsing the code of the migration."""

import ast
from collections.abc import Iterator

CONTRACT = "COMPLETES"
"""The variable that marks a migration as a contract; its value is the earlier release's revision that it completes."""
REMOVING = {"drop_table", "drop_column", "rename_table"}
STATEMENTS = ("DROP TABLE", "DROP COLUMN", "RENAME", "SET NOT NULL", "ALTER COLUMN")


def find_breaking_changes(code: str) -> list[str]:
    """List the calls outside `downgrade` that remove, rename or restrict what the previous release uses."""
    tree = ast.parse(code)
    parts = [each for each in tree.body if not (isinstance(each, ast.FunctionDef) and each.name == "downgrade")]
    return [change for part in parts for node in ast.walk(part) for change in _list_changes(node)]


def find_contract(code: str) -> str | None:
    """Return the revision that a contract completes, or None for any other migration."""
    for node in ast.parse(code).body:
        if isinstance(node, ast.Assign) and [getattr(each, "id", "") for each in node.targets] == [CONTRACT]:
            return str(ast.literal_eval(node.value))
    return None


def _list_changes(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        statement = " ".join(node.value.upper().split())
        yield from (each for each in STATEMENTS if f"{each} " in f"{statement} ")
    if not isinstance(node, ast.Call):
        return
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    options = {each.arg: each.value for each in node.keywords}
    if name in REMOVING:
        yield name
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


def _is_required(column: ast.Call) -> bool:
    options = {each.arg: each.value for each in column.keywords}
    return _is_false(options.get("nullable")) and "server_default" not in options


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False
