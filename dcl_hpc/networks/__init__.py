"""What the networks are. Their modules import TensorFlow; `start` comes first where it shall be quiet."""

import os
import sys
import tempfile
from functools import cache
from importlib.util import find_spec

from ..errors import UserError


def require(instead: str = "") -> None:
    """Make sure that there is what networks need.

    Parameters
    ----------
    instead : str
        What can be done without it.

    Raises
    ------
    UserError
        If a package is not installed.
    """
    names = {"tensorflow": "TensorFlow", "tensorboard": "TensorBoard"}
    missing = [name for module, name in names.items() if find_spec(module) is None]
    if missing:
        raise UserError(
            f"networks need {' and '.join(missing)}; pip install '.[networks]'"
            + f", or {instead}" * bool(instead)
        )


@cache
def start() -> None:
    """Import TensorFlow and choose this rank's GPU; raises as `require`."""
    require()
    if "tensorflow" not in sys.modules:
        _import_tensorflow()
    from .hardware import choose_gpu

    choose_gpu()


def _import_tensorflow() -> None:
    """Import TensorFlow without its start-up lines, which no setting silences; errors are shown."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # lines after the import
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as lines:
        os.dup2(lines.fileno(), 2)
        try:
            import tensorflow

            # each realization's network traces its graphs anew
            tensorflow.get_logger().setLevel("ERROR")
        except BaseException:
            lines.seek(0)
            os.write(kept, lines.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
