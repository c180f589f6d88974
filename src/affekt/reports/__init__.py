"""Results for people: what a deletion did, what a comparison found, and the whole story in one command.

- :func:`forget_with_report`, :class:`ForgetReport`: forget, test, write model and report
- :func:`demo`: the same from nothing, on synthetic voices
"""

from affekt.reports.demo import demo
from affekt.reports.forget_report import ForgetReport, forget_with_report

__all__ = ["ForgetReport", "demo", "forget_with_report"]
