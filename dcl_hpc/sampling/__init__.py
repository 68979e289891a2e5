"""Markov chains: random streams, numba kernels, replica exchange and statistics of series."""
