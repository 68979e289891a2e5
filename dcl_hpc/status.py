"""Show how far each stage of a job is."""

from . import cli
from .errors import UserError
from .report import stages


def status(context: cli.Context, options=None) -> None:
    """Print a table of stages; reads files only, also while they are being written."""
    run = context.run
    context.log(f"{run.root}")
    context.log(f"  {'stage':<24}{'state':<12}{'progress':>10}{'seconds':>10}")
    for stage in stages(run):
        try:
            progress = run.progress(stage)
        except UserError as error:
            context.log(f"  {stage:<24}{'error':<12}{error}")
            continue
        done, total, seconds = progress or (0, 1, 0.0)
        state = "complete" if done >= total else "begun" if progress else "-"
        context.log(f"  {stage:<24}{state:<12}{100 * done / total:>9.0f}%{seconds:>10.1f}")
    page = run.root / "report" / "index.html"
    context.log(f"  {'report':<24}{'complete' if page.exists() else '-':<12}")


if __name__ == "__main__":
    cli.main(cli.parser("status", __doc__), status)
