"""Reading files whose checksum was compared before, or that have none: what is wrong is told."""

import contextlib

import h5py

from ..errors import UserError
from .identity import Damaged

# What HDF5, and code that reads with it, raises where something is missing or of another form.
WRONG = (OSError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError)


@contextlib.contextmanager
def reading(path):
    """A file of HDF5, open for reading by one process.

    Raises
    ------
    Damaged
        If the file, or what is made of it within the block, is not as it should be.
    UserError
        If there is none.
    """
    with told(path), h5py.File(path, "r", locking=False) as file:
        yield file


@contextlib.contextmanager
def told(path):
    """Tell of a file that is not as it should be; see `reading`."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except WRONG as error:
        reason = " ".join(str(error).split())
        raise Damaged(f"{path} is damaged or not a file of this program ({reason})") from None
