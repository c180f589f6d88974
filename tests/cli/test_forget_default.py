"""The command names its default method itself, so that help needs no torch; it must be the library's."""

import inspect

from affekt.cli.forget import forget
from affekt.unlearning import DEFAULT_METHOD


def test_default_method() -> None:
    assert inspect.signature(forget).parameters["method"].default == DEFAULT_METHOD
