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
            import tensorflow  # noqa: F401
        except BaseException:
            lines.seek(0)
            os.write(kept, lines.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _choose_gpu() -> None:
    """Give this rank the GPU of its local rank, where there are any, and full float32 products."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        mine = gpus[int(os.environ.get("DCL_LOCAL_RANK", "0")) % len(gpus)]
        tf.config.set_visible_devices(mine, "GPU")
        tf.config.experimental.set_memory_growth(mine, True)
        # ten bits of mantissa would be seen in energies, which are sums of many logarithms
        tf.config.experimental.enable_tensor_float_32_execution(False)


_import_tensorflow()
_choose_gpu()
