"""HDF5 files of others are read by a process of its own: HDF5 may crash, loop or grow on damaged ones."""

import json
import math
import os
import resource
import signal
import subprocess
import sys

import h5py
import numpy as np

from . import contents

# What one question may take: seconds of processor time, and bytes of memory (chunks have up to 4 GiB).
SECONDS, MEMORY = 10, 2**32
# Signals that tell a stage to stop: it still has to read then.
STOPS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2}
PROGRAM = f"from {__name__} import serve; serve()"
# The process that answers, by the process that asks: a fork of it has no claim on the answers.
_servers: dict[int, subprocess.Popen] = {}


def ask(path, question: str, *arguments):
    """Ask for what an HDF5 file holds.

    Parameters
    ----------
    path : path
    question : str
        A function of `contents`, with its further arguments.

    Returns
    -------
    JSON value or ndarray

    Raises
    ------
    OSError
        If HDF5 cannot read it; says why.
    contents.NotThere
        If values are not in the file.
    """
    server = _servers.get(os.getpid()) or _start()
    try:
        server.stdin.write(json.dumps([os.fspath(path), question, *arguments]).encode() + b"\n")
        server.stdin.flush()
        answer = json.loads(server.stdout.readline() or "null")
        if answer is not None and "array" in answer:
            dtype, shape = answer["array"]
            array = np.empty(shape, dtype)
            if server.stdout.readinto(memoryview(array).cast("B") if array.size else b"") == array.nbytes:
                return array
            answer = None
    except BrokenPipeError:
        answer = None
    except BaseException:  # a half-read answer is none to the next question
        _stop(server)
        raise
    if answer is None:
        code = _stop(server)
        raise OSError("HDF5 does not come to an end" if code == -signal.SIGXCPU else "HDF5 crashes on it")
    if "missing" in answer:
        raise contents.NotThere(answer["missing"])
    if "error" in answer:
        raise OSError(answer["error"])
    return answer["answer"]


class DataSet:
    """A data set in a file of others.

    Parameters
    ----------
    path : path
    about : dict
        What `contents.about` says.

    Attributes
    ----------
    name : str
    shape : tuple of int, or None
    size : int
    dtype : numpy dtype, or str
        A text if it is not that of numbers.
    """

    def __init__(self, path, about: dict):
        self._path, self.name, self.dtype = path, about["name"], about["dtype"]
        self.shape = None if about["shape"] is None else tuple(about["shape"])
        self.size = 0 if self.shape is None else math.prod(self.shape)
        if about["numbers"]:
            self.dtype = np.dtype(self.dtype)

    def __getitem__(self, index: tuple) -> np.ndarray:
        """Part of it; the index has numbers, then at most one slice."""
        index = [[i.start, i.stop] if isinstance(i, slice) else int(i) for i in index]
        return ask(self._path, "values", self.name, index)


def find(path, name: str) -> DataSet | None:
    """The data set of a name, None if there is none; raises as `ask`."""
    about = ask(path, "about", name)
    return about and DataSet(path, about)


def _start() -> subprocess.Popen:
    # exec, since a fork of a process with MPI or threads may hang; it ends with the pipe that it reads from
    found = {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path), "OMP_NUM_THREADS": "1"}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # which it inherits
    try:
        server = subprocess.Popen(
            [sys.executable, "-P", "-c", PROGRAM],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, **found},
        )  # fmt: skip
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    _servers[os.getpid()] = server
    return server


def _stop(server: subprocess.Popen) -> int:
    """End it; how it ended by itself, if it did."""
    del _servers[os.getpid()]
    server.stdout.close()
    try:
        return server.wait(1)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()


def serve() -> None:
    """Answer questions, one a line, until there are no more."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit(resource.RLIMIT_DATA, MEMORY)
    for line in sys.stdin.buffer:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, int(usage.ru_utime + usage.ru_stime) + SECONDS)
        path, question, *arguments = json.loads(line)
        array = None
        try:
            with h5py.File(path, "r", locking=False) as file:
                found = getattr(contents, question)(file, *arguments)
            if isinstance(found, np.ndarray):
                array = np.ascontiguousarray(found)
                answer = {"array": [array.dtype.str, found.shape]}
            else:
                answer = {"answer": found}
        except contents.NotThere as error:
            answer = {"missing": str(error)}
        except MemoryError:
            answer = {"error": "it takes too much memory"}
        except Exception as error:  # whatever h5py meets
            answer = {"error": str(error) or type(error).__name__}
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        if array is not None and array.size:
            sys.stdout.buffer.write(memoryview(array).cast("B"))
        sys.stdout.buffer.flush()


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    resource.setrlimit(what, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
