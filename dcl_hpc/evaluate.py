"""Compare the learned energies with the true ones on configurations of every energy level."""

from .pipeline import command
from .stages.evaluate import evaluate

if __name__ == "__main__":
    command.main(command.parser("evaluate", __doc__), evaluate)
