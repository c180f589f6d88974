"""affekt demo."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from affekt.cli.output import Output, OutputOptions

__all__ = ["demo"]


def demo(
    *,
    out: Path = Path("affekt-demo"),
    seed: Annotated[int, Parameter(validator=validators.Number(gte=0, lt=2**31))] = 0,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Show the whole way on the built-in corpus: train, forget one speaker, report, sign the statement and verify it.

    The corpus is synthetic, so that no data are needed; it is made on this machine when it is first used. Takes less
    than three minutes on two cores. The verdict is shown as it is, and the exit code is 0 even if it says failed.

    Args:
        out: Folder to write; it must not exist yet.
        seed: Another seed trains another model, with other test speakers.
        output: How to show the result.
    """
    from affekt.reports import demo as run_demo

    with output.progress() as progress:
        shown = run_demo(out, seed=seed, progress=progress)
    report, found = shown.report, shown.verification
    output.show(
        report.to_json() | {"statement": str(shown.statement_path), "verified": found.succeeded},
        [
            *report.summary,
            f"Report: {report.report_path}",
            f"Statement: {shown.statement_path}, {'verified' if found.succeeded else 'NOT verified'}",
        ],
    )
    return 0 if found.succeeded else 1  # the story was told to its end, whatever its verdict
