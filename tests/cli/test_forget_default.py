"""The command names its default method itself, so that help needs no torch; it must be the library's."""

import inspect

from affekt.cli.forget import forget
from affekt.reports import forget_with_report
from affekt.reports.forget_report import AUTO


def test_default_method() -> None:
    for function in (forget, forget_with_report):
        assert inspect.signature(function).parameters["method"].default == AUTO
