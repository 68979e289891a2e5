"""The one exception that stands for a mistake its reader can mend."""

import re

# Characters of a message, and of each of its lines, that a reader still reads.
LONGEST, LINE = 480, 300
# What moves the cursor, colours a terminal, ends a line or is no text at all.
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]")


class UserError(Exception):
    """What is wrong, where, and how to mend it, in one line; several mistakes are a line each.

    Commands print the text on rank 0 without a traceback and exit with code 2. Whatever a user gave stands
    in it on one line and shortened.

    Attributes
    ----------
    on_all_ranks : bool
        Whether every rank raises it alike, so that all of them can end in order.
    """

    on_all_ranks = False

    @classmethod
    def everywhere(cls, message: str) -> "UserError":
        """Make an error that every rank raises alike."""
        error = cls(message)
        error.on_all_ranks = True
        return error

    def __str__(self) -> str:
        first, *others = (shown(str(line), LINE if self.args[1:] else LONGEST) for line in self.args or ("",))
        left = LONGEST - len(first) - len(f"\n  and {len(others)} more")
        lines = [first]
        while others and len(others[0]) + 3 <= left:
            left -= len(others[0]) + 3
            lines.append(others.pop(0))
        return "\n  ".join([*lines, *[f"and {len(others)} more"] * bool(others)])


def shown(text: str, most: int = 60) -> str:
    """Text on one line, without its middle where it is too long, and with escapes for what cannot be seen."""
    if len(text) > 2 * most:
        text = text[:most] + text[-most:]  # of millions of characters few are looked at
    found = UNSEEN.sub(lambda one: one[0].encode("unicode_escape").decode(), text)
    if len(found) <= most:
        return found
    end = most // 3
    return f"{found[: most - end - 5]} ... {found[-end:]}"


def quoted(value, most: int = 60) -> str:
    """A value of a user's as Python writes it, shortened as by `shown`."""
    try:
        return shown(repr(value), most)
    except (ValueError, RecursionError):  # of integers too long to be written, or lists too deep
        return f"a huge {type(value).__name__}"
