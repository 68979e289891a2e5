"""Follow replicas that start from a kept state of thermal machines, and measure their overlaps."""

from .pipeline import command

if __name__ == "__main__":
    command.main(command.parser("replicate", __doc__), "replicate")
