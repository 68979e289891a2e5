"""The one exception that stands for a mistake its reader can mend."""


class UserError(Exception):
    """What is wrong, where, and how to mend it, in one line.

    Commands print the text on rank 0 without a traceback and exit with code 2.

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
