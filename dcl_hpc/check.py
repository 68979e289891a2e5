"""Test whether the learned energies explain the snapshots: their chains at T_o against held-out ones."""

from .pipeline import command

if __name__ == "__main__":
    command.main(command.parser("check", __doc__), "check")
