"""What the networks are, and the loop that trains them."""

import os
import sys
import tempfile


def _import_tensorflow() -> None:
    """Import TensorFlow without its start-up lines, which no setting silences; errors are shown."""
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


_import_tensorflow()
from .hardware import choose_gpu  # noqa: E402

choose_gpu()
