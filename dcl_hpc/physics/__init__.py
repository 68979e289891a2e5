"""Lattices, Hamiltonians, observables and exact results; knows of no MPI, files or networks."""
