"""What the processor that trains can do."""

import contextlib
from pathlib import Path

import tensorflow as tf

from ..cluster.environment import number


def choose_gpu() -> None:
    """Give this rank the GPU of its local rank, where there are any, and full float32 products."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        mine = gpus[(number("DCL_LOCAL_RANK") or 0) % len(gpus)]
        with contextlib.suppress(RuntimeError):  # the GPUs are in use already: someone else has chosen
            tf.config.set_visible_devices(mine, "GPU")
            tf.config.experimental.set_memory_growth(mine, True)
        # ten bits of mantissa would be seen in energies, which are sums of many logarithms
        tf.config.experimental.enable_tensor_float_32_execution(False)


def has_bfloat16() -> bool:
    """Whether products of bfloat16 are faster than of float32: Ampere or later, AMX or AVX-512 BF16."""
    gpus = tf.config.get_visible_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return details.get("compute_capability", (0, 0)) >= (8, 0)
    try:
        flags = Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split()
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags
