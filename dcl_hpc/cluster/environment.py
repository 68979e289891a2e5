"""Numbers in variables of the environment."""

import os
import re

from ..errors import UserError, quoted


def number(name: str) -> int | None:
    """The whole number that a variable holds; None if it is not set or empty.

    Raises
    ------
    UserError
        If it holds something else.
    """
    text = os.environ.get(name, "").strip()
    if text and not re.fullmatch(r"[0-9]{1,9}", text):
        raise UserError(f"the variable {name} = {quoted(text)} is not a whole number; unset it")
    return int(text) if text else None
