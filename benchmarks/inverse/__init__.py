"""Couplings by other programs, and energies made of any pair couplings; see `peers.py`."""
