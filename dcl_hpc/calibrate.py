"""Calibrate the networks' energies: weigh them beside the interactions that the observations call for."""

from .pipeline import command

if __name__ == "__main__":
    command.main(command.parser("calibrate", __doc__), "calibrate")
