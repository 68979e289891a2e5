"""Tables as data frames, where pandas is installed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import UserError

if TYPE_CHECKING:
    import pandas


def data_frame(columns: Mapping) -> "pandas.DataFrame":
    """A data frame of columns of equal length.

    Raises
    ------
    UserError
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise UserError("to_pandas needs pandas, which is not installed: pip install pandas") from None
    return pandas.DataFrame(dict(columns))
