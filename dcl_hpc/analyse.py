"""Average over the samples of thermal machines: correlations, overlaps, thickness of the solid layers."""

from .pipeline import command

if __name__ == "__main__":
    command.main(command.parser("analyse", __doc__), "analyse")
