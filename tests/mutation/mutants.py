"""Mutants of a module, all compiled into one: each place asks whether its own mutant is the active one.

So a module is imported once, and a test process tries a mutant by setting a variable ("mutant schemata"). Only code in
functions is mutated: what runs at import runs before any mutant is active. A condition also asks whether the mutant's
value differs from its own, so that a mutant is tried only with the tests that it could change.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ACTIVE = "__is_active_mutant__"
"""The name, in a mutated module, of the function that a place calls with its mutant's number."""
CHOOSE = "__choose_value__"
"""The name of the function that a condition calls with its mutant's number, its own value and the mutant's, as lambdas."""
COMPARISONS = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
CONDITIONS = {"where", "filter"}
"""Methods of a query, each of whose arguments is a condition that may be left out."""
MODIFIERS = {"with_for_update", "limit"}
"""Methods of a query that are left out as a whole."""
LOGGERS = {"log", "logger"}
"""Names of objects whose calls write a log, which is text for people."""
COMPARED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
"""The comparisons whose mutant often has the same value."""
WITHOUT_EFFECT = {"len", "set", "isinstance", "min", "max", "bool", "str", "int"}
"""Functions that may be called once more to compare a condition with its mutant."""
NOT_CODE = {"annotation", "returns", "decorator_list", "pattern", "type_params", "args", "format_spec"}
"""The fields of functions, matches and formatted text that are not mutated."""


@dataclass(frozen=True)
class Mutant:
    """One mutation: its number, where it is, and the code before and after."""

    number: int
    module: str
    function: str
    line: int
    before: str
    after: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Return what identifies this mutant while the lines above it change."""
        return self.module, self.function, self.before, self.after


def mutate(source: str, module: str, first: int) -> tuple[ast.Module, list[Mutant]]:
    """Return the tree of a module with all its mutants, and these, numbered from `first`."""
    mutator = _Mutator(module, first)
    tree = mutator.visit(ast.parse(source))
    return ast.fix_missing_locations(tree), mutator.mutants


def list_alternatives(node: ast.expr) -> Iterator[str]:
    """Yield the source of each mutation of an expression itself, not of its parts."""
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=comparators) if type(operator) in COMPARISONS:
            yield ast.unparse(ast.Compare(left, [COMPARISONS[type(operator)]()], comparators))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in ARITHMETIC:
            yield ast.unparse(ast.BinOp(left, ARITHMETIC[type(operator)](), right))
        case ast.IfExp(body=body, orelse=orelse):
            yield ast.unparse(body)
            yield ast.unparse(orelse)
        case ast.Constant(value=bool() as value):
            yield repr(not value)
        case ast.Constant(value=int() as value):
            yield repr(value + 1)
        case ast.BoolOp() | ast.UnaryOp(op=ast.Not()) | ast.Call(func=ast.Attribute()):
            yield from _leave_out_conditions(node)


def _leave_out_conditions(node: ast.expr) -> Iterator[str]:
    """Yield the source of `and`, `or`, `not` or a query without one condition, or of a query without its lock or limit."""
    match node:
        case ast.UnaryOp(operand=operand):
            yield ast.unparse(operand)
        case ast.BoolOp(op=operator, values=values):
            for rest in _leave_each_out(values):
                yield ast.unparse(rest[0] if len(rest) == 1 else ast.BoolOp(operator, rest))
        case ast.Call(func=ast.Attribute(value=query, attr=name)) if name in MODIFIERS:
            yield ast.unparse(query)
        case ast.Call(func=ast.Attribute(value=query, attr=name), args=arguments) if name in CONDITIONS:
            for rest in _leave_each_out(arguments):
                yield ast.unparse(ast.Call(node.func, rest, node.keywords) if rest else query)


def _leave_each_out(values: list[ast.expr]) -> Iterator[list[ast.expr]]:
    for left_out in range(len(values)):
        yield [each for index, each in enumerate(values) if index != left_out]


class _Mutator(ast.NodeTransformer):
    """Adds every mutant to a module's tree, and lists them."""

    def __init__(self, module: str, first: int) -> None:
        self.module, self.first = module, first
        self.mutants: list[Mutant] = []
        self.names: list[str] = []
        self.is_in_function = False

    def visit(self, node: ast.AST) -> Any:
        match node:
            case ast.ClassDef() | ast.FunctionDef():
                return self._visit_definition(node)
            case ast.JoinedStr():
                return node  # text for people
            case ast.expr() if self.is_in_function:
                return self._mutate_expression(node)
            case ast.stmt() if self.is_in_function:
                return self._mutate_statement(node)
        return self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name, value in ast.iter_fields(node):
            if name in NOT_CODE and not (name == "args" and isinstance(node, ast.Call)):
                continue
            if isinstance(value, list):
                value[:] = [self.visit(each) if isinstance(each, ast.AST) else each for each in value]
            elif isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
        return node

    def _visit_definition(self, node: ast.ClassDef | ast.FunctionDef) -> ast.AST:
        """Mutate the body of a function, but not its docstring; of a class, only its methods."""
        was_in_function, self.is_in_function = self.is_in_function, isinstance(node, ast.FunctionDef)
        self.names.append(node.name)
        first = 0 if ast.get_docstring(node, clean=False) is None else 1
        node.body[first:] = [self.visit(each) for each in node.body[first:]]
        self.names.pop()
        self.is_in_function = was_in_function
        return node

    def _mutate_expression(self, node: ast.expr) -> ast.expr:
        before = ast.unparse(node)
        has_assignment = any(isinstance(each, ast.NamedExpr) for each in ast.walk(node))
        alternatives = [] if has_assignment else list(list_alternatives(node))
        is_compared = _may_equal_its_mutant(node)
        result: ast.expr = self.generic_visit(node)  # type: ignore[assignment]
        for after in alternatives:
            other = ast.parse(after, mode="eval").body
            if is_compared:
                result = self._choose(node, before, after, result, other)
            else:
                result = ast.IfExp(self._ask(node, before, after), other, result)
        return ast.copy_location(result, node)

    def _mutate_statement(self, node: ast.stmt) -> ast.stmt:
        """Mutate the expressions of a statement; leave out one that has an effect; let a condition always and never hold."""
        statement = ast.unparse(node)
        condition = ast.unparse(node.test) if isinstance(node, ast.If) else ""
        is_left_out = _has_effect(node)
        self.generic_visit(node)
        if isinstance(node, ast.If) and ":=" not in condition:
            for value in (True, False):
                before, after = f"if {condition}", f"if {value}"
                truth = ast.Call(ast.Name("bool", ast.Load()), [node.test], [])
                node.test = self._choose(node, before, after, truth, ast.Constant(value))
        if is_left_out:
            left_out = ast.If(self._ask(node, statement, "pass"), [ast.Pass()], [node])
            return ast.copy_location(left_out, node)
        return node

    def _ask(self, node: ast.AST, before: str, after: str) -> ast.Call:
        return ast.Call(ast.Name(ACTIVE, ast.Load()), [self._add_mutant(node, before, after)], [])

    def _choose(self, node: ast.AST, before: str, after: str, value: ast.expr, other: ast.expr) -> ast.Call:
        number = self._add_mutant(node, before, after)
        lambdas = [ast.Lambda(ast.arguments([], [], None, [], [], None, []), each) for each in (value, other)]
        return ast.Call(ast.Name(CHOOSE, ast.Load()), [number, *lambdas], [])

    def _add_mutant(self, node: ast.AST, before: str, after: str) -> ast.Constant:
        number = self.first + len(self.mutants)
        line = getattr(node, "lineno", 0)
        self.mutants.append(Mutant(number, self.module, ".".join(self.names), line, before, after))
        return ast.Constant(number)


def _has_effect(node: ast.stmt) -> bool:
    """Return whether a statement can be left out, and the function still runs: a call, `raise`, or a changed object."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))) if name in LOGGERS:
            return False
        case ast.Raise() | ast.Expr(value=ast.Call()) | ast.AugAssign():
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
    return False


def _may_equal_its_mutant(node: ast.expr) -> bool:
    """Return whether an expression often has the value of its mutant, and both may be evaluated to compare them."""
    calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
    if not all(isinstance(called, ast.Name) and called.id in WITHOUT_EFFECT for called in calls):
        return False
    match node:
        case ast.Compare(ops=[operator]):
            return isinstance(operator, COMPARED)
        case ast.BoolOp() | ast.IfExp():
            return True
    return False
