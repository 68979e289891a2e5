"""A command whose stages commit as often as they can: python hurried.py MODULE ARGUMENTS."""

from dcl_hpc.cluster import interruption

interruption.hear()  # as commands do, before the long imports

import runpy  # noqa: E402
import sys  # noqa: E402

from dcl_hpc.stages import observe, sweep  # noqa: E402

observe.BUFFER, sweep.COMMIT_SECONDS = 1600, -1.0
if sys.argv[1] in ("thermalize", "replicate"):
    from dcl_hpc.thermal.stages import trajectories

    trajectories.COMMIT_SECONDS, trajectories.ASK_SECONDS = 0.0, 0.02
sys.argv = [f"dcl_hpc.{sys.argv[1]}", *sys.argv[2:]]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
