import json

import pytest

from affekt.cli.output import OutputOptions


def test_text_and_json_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    OutputOptions().show({"a": 1}, ["first", "second"])
    OutputOptions(json=True).show({"a": 1}, ["first", "second"])
    captured = capsys.readouterr()
    assert captured.out.startswith("first\nsecond\n{")
    assert json.loads(captured.out.removeprefix("first\nsecond\n")) == {"a": 1}
    assert captured.err == ""


def test_json_without_nan() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        OutputOptions(json=True).show({"a": float("nan")}, [])


def test_progress_in_a_log_is_sparse_and_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with OutputOptions().progress() as progress:
        assert progress is not None
        progress("reading", 0, 2)
        for step in range(1000):
            progress(f"epoch {step // 100 + 1}", step + 1, 1000)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["affekt: reading (0 of 2)", "affekt: epoch 1 (1 of 1000)"]


def test_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = OutputOptions(quiet=True)
    quiet.note("something")
    with quiet.progress() as progress:
        assert progress is None
    assert capsys.readouterr().err == ""


def test_only_the_main_process_speaks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    OutputOptions().show({}, ["result"])
    OutputOptions(json=True).show_row({})
    OutputOptions().note("something")
    with OutputOptions().progress() as progress:
        assert progress is None
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
