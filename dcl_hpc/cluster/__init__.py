"""The machine: MPI, signals and log lines."""
