"""The one exception that stands for a mistake its reader can mend."""


class UserError(Exception):
    """What is wrong, where, and how to mend it, in one line.

    Commands print the text on rank 0 without a traceback and exit with code 2.
    """
