"""Mutants of a piece of code: the same code with one thing changed, such as `<` to `<=`."""

import ast
import copy
from collections.abc import Iterator

_OPERATORS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.Div),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.Invert: (),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
_TEXTS = {"post": "pre", "pre": "post", "float32": "int32", "bool": "float32"}


def mutants(source: str, most: int = 40) -> dict[str, str]:
    """Changes code in one place each: operators, constants, axes, keywords, slices and conditions.

    Args:
        source: The code.
        most: How many to give at most, spread over the code.

    Returns:
        The code of each mutant, by the line that is changed.

    Example:
        >>> list(mutants("x < 1"))
        ['x <= 1', 'x > 1', 'x < 0', 'x < 2']
    """
    tree = ast.parse(source)
    before = ast.unparse(tree)
    found: dict[str, str] = {}
    for place, node in enumerate(ast.walk(tree)):
        for changed in _changes(node):
            other = copy.deepcopy(tree)
            target = next(one for at, one in enumerate(ast.walk(other)) if at == place)
            _put(other, target, changed)
            code = ast.unparse(ast.fix_missing_locations(other))
            pairs = zip(before.split("\n"), code.split("\n"), strict=False)
            if line := next((new.strip() for old, new in pairs if old != new), ""):
                found[line] = code
    step = max(1, -(-len(found) // most))
    return dict(list(found.items())[::step])


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """What a node may be changed to."""
    match node:
        case ast.BinOp(left, op, right):
            yield from (ast.BinOp(left, other(), right) for other in _others(op))
            yield from (left, right)
        case ast.Compare(left, [op], right):
            yield from (ast.Compare(left, [other()], right) for other in _others(op))
        case ast.BoolOp(op, values):
            yield from (ast.BoolOp(other(), values) for other in _others(op))
            yield from values
        case ast.UnaryOp(ast.Invert() | ast.Not() | ast.USub(), operand):
            yield operand
        case ast.IfExp(_test, body, orelse):
            yield from (body, orelse)
        case ast.Constant(value):
            yield from map(ast.Constant, _constants(value))
        case ast.Call(function, arguments, keywords):
            for number in range(len(keywords)):
                left = keywords[:number] + keywords[number + 1 :]
                yield ast.Call(function, arguments, left)
            for number in range(len(arguments) - 1):
                two = arguments[number : number + 2][::-1]
                turned = [*arguments[:number], *two, *arguments[number + 2 :]]
                yield ast.Call(function, turned, keywords)
        case ast.Attribute(value, ("any" | "all") as name, context):
            yield ast.Attribute(value, "all" if name == "any" else "any", context)
        case ast.Subscript(value, ast.Tuple([first, second, *rest]), context):
            turned = ast.Tuple([second, first, *rest], ast.Load())
            yield ast.Subscript(value, turned, context)
            yield value
        case ast.Subscript(value, _slice, _context):
            yield value


def _others(operator: ast.AST) -> tuple[type[ast.AST], ...]:
    return _OPERATORS.get(type(operator), ())


def _constants(value: object) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value - 1, value + 1)
    elif isinstance(value, str) and value in _TEXTS:
        yield _TEXTS[value]


def _put(tree: ast.AST, target: ast.AST, changed: ast.AST) -> None:
    """Puts one node in the place of another."""
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, name, changed)
            elif isinstance(value, list) and any(one is target for one in value):
                setattr(parent, name, [changed if one is target else one for one in value])
