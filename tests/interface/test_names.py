"""What the package offers, and that importing it does nothing."""

import dcl_hpc

SCRIPT = """\
import os, signal, sys, threading
before = set(sys.modules), dict(os.environ), [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1)]
import dcl_hpc
names = dir(dcl_hpc), dcl_hpc.__all__, dcl_hpc.__version__
new = {name.partition(".")[0] for name in set(sys.modules) - before[0]} - sys.stdlib_module_names
print(sorted(new), [name for name in sys.modules if name.startswith("dcl_hpc.")])
assert dict(os.environ) == before[1] and threading.active_count() == 1
assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1)] == before[2]
for name in dcl_hpc.__all__:
    getattr(dcl_hpc, name)
assert dict(os.environ) == before[1]
assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1)] == before[2]
print("tensorflow" in sys.modules, "horovod" in sys.modules)
"""


def test_import_has_no_side_effects(python):
    """Neither NumPy nor MPI nor TensorFlow is imported, and the process stays as it was."""
    done = python("-c", SCRIPT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["['dcl_hpc'] []", "False False"]
    assert done.stderr == ""


def test_every_name_is_there():
    """What `__all__` names can be had and is listed; nothing else can."""
    for name in dcl_hpc.__all__:
        assert getattr(dcl_hpc, name).__name__ == name
        assert getattr(dcl_hpc, name).__doc__ and name in dir(dcl_hpc)
    assert sorted(dcl_hpc.__all__) == dcl_hpc.__all__ == sorted(dcl_hpc._MODULES)
    assert not hasattr(dcl_hpc, "nothing")
