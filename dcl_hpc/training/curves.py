"""Learning curves as TensorBoard reads them."""

import tensorflow as tf


class Recorder:
    """Adds points to the curves in a folder; a training goes on without them where they cannot be written.

    Parameters
    ----------
    folder : path
    log : callable (str)
        Told once if that is so.
    """

    def __init__(self, folder, log):
        self._folder, self._log, self._writer = folder, log, None
        self._broken = False

    def __call__(self, step: int, values: dict[str, float]) -> None:
        """Add a point to each curve."""
        if self._broken:
            return
        try:
            self._writer = self._writer or tf.summary.create_file_writer(str(self._folder))
            with self._writer.as_default(step):
                for name, value in values.items():
                    tf.summary.scalar(name, value)
            self._writer.flush()
        except (OSError, tf.errors.OpError) as error:
            self._broken = True
            reason = str(error).partition("\n")[0]
            self._log(f"no learning curves for TensorBoard from here on: {reason}")
