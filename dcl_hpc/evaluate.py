"""Compare the learned energies with the true ones on configurations of every energy level."""

from .pipeline import command

if __name__ == "__main__":
    command.main(command.parser("evaluate", __doc__), "evaluate")
