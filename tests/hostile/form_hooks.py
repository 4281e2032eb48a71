"""What Schemathesis is told of forms: it loads this module by `SCHEMATHESIS_HOOKS`.

A form has texts only. A list with a number in it, where the document wants texts, is a wrong body by the schema and a
right one on the wire, where both are the same bytes. Schemathesis knows that of a single value, not of one in a list.
"""

from collections.abc import Mapping

import schemathesis


@schemathesis.hook
def filter_case(_context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Leave out a form that is wrong in what a form cannot tell."""
    return case.media_type != "multipart/form-data" or not becomes_text(case.body)


def becomes_text(body: object) -> bool:
    """Whether a field of a form is a list of which something becomes a text only when it is sent."""
    lists = [field for field in body.values() if isinstance(field, list)] if isinstance(body, Mapping) else []
    return any(item is None or isinstance(item, bool | int | float | list | dict) for field in lists for item in field)
