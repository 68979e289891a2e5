"""What a chain samples from: the true Hamiltonian, the RNN, or the EDNN, behind one protocol."""

from .model import EnergyModel

__all__ = ["EnergyModel"]
