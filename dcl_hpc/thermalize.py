"""Follow the molecular dynamics of thermal machines, and keep states at the waiting times."""

from .pipeline import command

if __name__ == "__main__":
    command.main(command.parser("thermalize", __doc__), "thermalize")
