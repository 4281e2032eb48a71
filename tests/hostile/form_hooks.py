"""What Schemathesis is told of forms: it loads this module by `SCHEMATHESIS_HOOKS`.

A form has texts and files only. What Schemathesis makes to be wrong in a text or in a list of texts (a number in it, a
list, or a schema that is changed where the value does not lie) is a right form on the wire, and rightly taken.
"""

from collections.abc import Mapping

import schemathesis


@schemathesis.hook
def filter_case(_context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Leave out a form that is called wrong for nothing but what a form cannot tell."""
    if case.media_type != "multipart/form-data" or case.meta is None:
        return True
    wrong = {location.name for location, part in case.meta.components.items() if part.mode.is_negative}
    return wrong != {"BODY"} or not has_right_files(case.body)


def has_right_files(body: object) -> bool:
    """Whether the files of a form to `POST /images` are as the document wants them, whatever its texts are."""
    files = body.get("image") if isinstance(body, Mapping) else None
    return isinstance(files, list) and bool(files) and all(isinstance(file, str | bytes) for file in files)
