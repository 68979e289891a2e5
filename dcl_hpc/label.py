"""Label configurations with the RNN's energy, for the EDNN to learn from."""

from .pipeline import command

if __name__ == "__main__":
    command.main(command.parser("label", __doc__), "label")
