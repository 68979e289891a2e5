"""Write the report of a run: one page, its figures, and summary.json."""

from .pipeline import command

if __name__ == "__main__":
    command.main(command.parser("report", __doc__), "report")
