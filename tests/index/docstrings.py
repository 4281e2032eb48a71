"""What the fields of a model say of themselves: the string below each, which the program itself has no use for."""

import ast
import inspect
import textwrap

from pydantic import BaseModel


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """By the names of the fields; one that says nothing is left out. What is inherited is not looked at."""
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[ast.unparse(field.target)] = inspect.cleandoc(below.value.value)
    return found
