"""Observe a system at one temperature: Metropolis chains of the true Hamiltonian, written to HDF5.

With --from FILE the configurations are the user's own.
"""

from .pipeline import command

if __name__ == "__main__":
    parser = command.parser("observe", __doc__)
    command.accept_snapshots(parser)
    command.main(parser, "observe")
