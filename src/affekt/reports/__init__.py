"""Results for people: what a deletion did, what a comparison found, and the whole story in one command.

- :func:`forget_with_report`, :class:`ForgetReport`: forget, test, write model and report
- :func:`cross_validate_with_report`, :func:`tabulate_folds`: families over all speakers, as JSON and a table
- :func:`demo`: the same from nothing, on synthetic voices
"""

from affekt.reports.cross_validation_report import cross_validate_with_report, tabulate_folds
from affekt.reports.demo import demo
from affekt.reports.forget_report import ForgetReport, forget_with_report

__all__ = ["ForgetReport", "cross_validate_with_report", "demo", "forget_with_report", "tabulate_folds"]
