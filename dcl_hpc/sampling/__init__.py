"""Markov chains of energy models: kernels, chains, replica exchange, statistics."""
