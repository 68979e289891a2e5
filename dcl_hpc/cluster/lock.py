"""One writer at a time: a lock file that tells who has it, so that others see whether it still lives.

File locks are not to be relied on across the nodes of a cluster; a hard link is made by one or by none. Where
the file system has none, the lock file itself is created by one or by none.
"""

import contextlib
import errno
import json
import os
import platform
import time
from pathlib import Path

from ..errors import UserError
from ..files import read_regular
from . import slurm
from .processes import create_beside, started

# Where these arise nothing else can be written either: the stage itself tells what is wrong.
UNWRITABLE = (errno.EACCES, errno.EROFS, errno.ENOTDIR)
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)
# Longest time in which an owner that created its lock file has not yet written who it is.
CREATION_SECONDS = 10.0
# Bytes of a lock file.
LARGEST = 2**16


class Lock:
    """A lock file, held by one process from `with` to its end.

    Parameters
    ----------
    path : Path
        Missing folders are made, and removed at the end if they are still empty.
    about : str
        What is done with the lock, for messages.

    Raises
    ------
    UserError
        If another process has it that lives, or may.
    """

    def __init__(self, path: Path, about: str):
        self.path, self.about = Path(path), about
        self.owner = json.dumps({**myself(), "about": about})
        self.held = False
        self.made: list[Path] = []

    def __enter__(self):
        self.made = [folder for folder in self.path.parents if not folder.exists()]
        own = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            own = create_beside(self.path)
            own.write_text(self.owner)
            while not self.held:
                try:
                    self._take(own)
                    self.held = True
                except FileExistsError:
                    self._remove_if_dead()
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise UserError(f"cannot write {self.path}: {error.strerror}; check free space") from None
        finally:
            with contextlib.suppress(OSError):
                if own is not None:
                    own.unlink()
            if not self.held:
                self._remove_folders()
        return self

    def __exit__(self, *exception):
        if self.held and self.is_mine():
            self.path.unlink(missing_ok=True)
        self._remove_folders()

    def _take(self, written: Path) -> None:
        """Make the lock file from one that is written already; raises FileExistsError if there is one."""
        try:
            os.link(written, self.path)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            number = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            with os.fdopen(number, "w") as file:
                file.write(written.read_text())

    def is_mine(self) -> bool:
        """Whether the lock is still this one's and not that of a successor."""
        return not self.held or _read(self.path) == self.owner

    def _remove_folders(self) -> None:
        with contextlib.suppress(OSError):
            for folder in self.made:
                folder.rmdir()

    def _remove_if_dead(self) -> None:
        text, begun = _read(self.path), time.monotonic()
        while text == "" and time.monotonic() - begun < CREATION_SECONDS:  # created, not yet written
            time.sleep(0.1)
            text = _read(self.path)
        if text is None:
            return
        try:
            owner = json.loads(text)
            alive = is_alive(owner)
            who = described(owner)
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            raise UserError(f"{self.path} is damaged; remove it if nothing works on this run") from None
        if alive is None:
            raise UserError(
                f"{self.path.parent} is in use by {who}, or that did not end in order; if it does not run "
                f"any more, remove {self.path}"
            )
        if alive:
            raise UserError(f"{self.path.parent} is in use by {who}; wait for it, or stop it")
        # two may see the dead owner: only what was seen is thrown away
        aside = self.path.with_name(f"{self.path.name}.old.{platform.node()}.{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.path, aside)
            if _read(aside) != text:
                with contextlib.suppress(FileExistsError):
                    self._take(aside)
            aside.unlink()


def _read(path: Path) -> str | None:
    """Text of a lock file; None if there is none. Raises UserError if it is something else than a file."""
    try:
        if path.is_symlink():  # which may lead nowhere, but is in the way
            raise OSError(errno.ELOOP, "it is a link")
        return read_regular(path, LARGEST).decode(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in UNWRITABLE:
            raise
        raise UserError(
            f"{path} is damaged ({error.strerror}); remove it if nothing works on this run"
        ) from None


def myself() -> dict:
    """Host, process and, under Slurm, job of this process."""
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "started": started(os.getpid()),
        "job": os.environ.get("SLURM_JOB_ID"),
        "step": os.environ.get("SLURM_STEP_ID"),
        "restart": os.environ.get("SLURM_RESTART_COUNT", "0"),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def described(owner: dict) -> str:
    """The owner of a lock in words."""
    job = f"Slurm job {owner['job']}, " if owner["job"] else ""
    return f"{owner['about']} ({job}process {owner['pid']} on {owner['host']} since {owner['since']})"


def is_alive(owner: dict) -> bool | None:
    """Whether the owner of a lock still works; None if that cannot be known from here."""
    me = myself()
    if owner["host"] == me["host"]:
        return started(owner["pid"]) == owner["started"]
    if owner["job"] is None:
        return None
    if owner["job"] == me["job"] and owner["restart"] != me["restart"]:
        return False  # Slurm starts a job again only when its nodes are free or lost
    alive = slurm.is_active(owner["job"])
    if alive and owner["step"] is not None:
        return slurm.is_running_step(f"{owner['job']}.{owner['step']}")
    return alive
