"""Learning curves as TensorBoard reads them."""

import tensorflow as tf


def recorder(folder):
    """A function (step, dict of str to float) that adds points to the curves in a folder."""
    writer = tf.summary.create_file_writer(str(folder))

    def record(step: int, values: dict[str, float]) -> None:
        with writer.as_default(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        writer.flush()

    return record
