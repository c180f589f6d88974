"""Bad input of every kind gets one sentence on standard error and exit code 2, and nothing on disk changes."""

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from safetensors.torch import load_file, save_file

from affekt.cli import main

Affekt = Callable[..., Any]
Snapshot = Callable[[Path], dict[str, str]]


def words(command: str, place: Path, *, corpus: object = None, model: object = None) -> list[object]:
    """A command line that would work if nothing in ``place`` were spoiled."""
    corpus, model = corpus or place / "corpus", model or place / "model"
    return {
        "train": ["train", corpus, "--out", place / "new", "--config", place / "fast.toml"],
        "evaluate": ["evaluate", model, corpus, "--split", "all"],
        "forget": ["forget", model, corpus, "--speaker", "00", "--out", place / "new"],
        "predict": ["predict", model, place / "corpus" / "audio"],
        "compare": ["compare", corpus, "--out", place / "new", "--config", place / "compare.toml", "--sizes", "1"],
    }[command]


# recordings


def spoil(path: Path, how: str) -> None:
    """Damage a recording."""
    sound = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "header only":
        path.write_bytes(sound[:40] + struct.pack("<I", 0))
    elif how == "truncated":
        path.write_bytes(sound[: len(sound) // 2])
    elif how == "NaN":
        samples = soundfile.read(path)[0]
        samples[100:110] = np.nan
        soundfile.write(path, samples, 16000, subtype="FLOAT")
    elif how == "text":
        path.write_text("this is no recording\n", encoding="utf-8")
    elif how == "silent":
        soundfile.write(path, np.zeros(9600), 16000, subtype="PCM_16")
    else:
        raise ValueError(how)


DAMAGE = {
    "missing": "is not a file (got nothing there)",
    "empty": "is empty (got 0 bytes)",
    "header only": "is empty (got 0 samples)",
    "truncated": "is cut off",
    "NaN": "holds NaN or infinite samples",
    "text": "is not readable audio",
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("command", ["train", "evaluate", "forget"])
def test_damaged_recording(refused: Callable[..., str], place: Path, command: str, how: str) -> None:
    spoil(place / "corpus" / "audio" / "00-anger-0.wav", how)
    sentence = refused(*words(command, place))
    assert "00-anger-0.wav" in sentence
    assert DAMAGE[how] in sentence


@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_recording_named_to_predict(refused: Callable[..., str], place: Path, how: str) -> None:
    """The good recordings before it are not shown either."""
    bad = place / "corpus" / "audio" / "05-anger-0.wav"
    spoil(bad, how)
    sentence = refused("predict", place / "model", place / "corpus" / "audio" / "00-anger-0.wav", bad)
    assert "05-anger-0.wav" in sentence
    assert DAMAGE[how] in sentence


@pytest.mark.parametrize("speaker", [f"{number:02d}" for number in range(6)])
def test_damaged_recording_on_any_side_stops_training_before_it_starts(
    refused: Callable[..., str], place: Path, speaker: str
) -> None:
    """Nothing is left behind: no checkpoint of an epoch that was trained in vain."""
    spoil(place / "corpus" / "audio" / f"{speaker}-sadness-3.wav", "truncated")
    assert f"{speaker}-sadness-3.wav is cut off" in refused(*words("train", place))


def test_silent_recording_in_the_forget_set(refused: Callable[..., str], place: Path) -> None:
    spoil(place / "corpus" / "audio" / "00-anger-0.wav", "silent")
    line = words("train", place)
    line[line.index(place / "new")] = place / "heard-silence"
    assert main([str(word) for word in [*line, "--test-speakers", "05"]]) == 0
    forget = words("forget", place, model=place / "heard-silence")
    assert "silent" in refused(*forget)


def test_folder_without_recordings(refused: Callable[..., str], place: Path) -> None:
    (place / "nothing").mkdir()
    assert "holds no recording" in refused("predict", place / "model", place / "nothing")


def test_other_sample_rate_is_resampled(affekt: Affekt, place: Path) -> None:
    path = place / "corpus" / "audio" / "00-anger-0.wav"
    samples = soundfile.read(path)[0]
    soundfile.write(path, np.repeat(samples, 3), 48000, subtype="PCM_16")
    ran = affekt("predict", place / "model", path, "--json")
    assert ran.code == 0
    assert sum(json.loads(ran.out)["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
    assert affekt(*words("evaluate", place)).code == 0


# corpora


@pytest.mark.parametrize("command", ["train", "evaluate", "forget", "compare"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "there is no corpus at"),
        ("", "is empty"),
        ("file,utterance,speaker,emotion\n", "row"),
        ("path,person,mood\na.wav,00,anger\n", "column 'file'"),
    ],
    ids=["missing", "empty file", "no rows", "wrong columns"],
)
def test_table(refused: Callable[..., str], place: Path, command: str, text: str | None, expected: str) -> None:
    (place / "compare.toml").write_text("", encoding="utf-8")
    table = place / "table.csv"
    if text is not None:
        table.write_text(text, encoding="utf-8")
    sentence = refused(*words(command, place, corpus=table))
    assert expected in sentence
    assert "table" in sentence


@pytest.mark.parametrize("command", ["evaluate", "forget"])
def test_emotion_that_the_model_does_not_know(refused: Callable[..., str], place: Path, command: str) -> None:
    table = place / "corpus" / "utterances.csv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("00,anger", "00,envy", 1), encoding="utf-8")
    assert "envy" in refused(*words(command, place))


def test_utterance_without_emotion(refused: Callable[..., str], place: Path) -> None:
    table = place / "corpus" / "utterances.csv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("00,anger", "00,", 1), encoding="utf-8")
    assert "no emotion" in refused(*words("train", place))


@pytest.mark.parametrize(
    ("command", "speakers", "damage", "extra", "expected"),
    [
        ("compare", 2, "", [], "speaker"),
        ("compare", 6, "truncated", [], "05-sadness-3.wav is cut off"),
        ("compare", 6, "unlabelled", [], "no emotion"),
        ("compare", 6, "", ["--sizes", "1,500"], "500 utterances cannot be forgotten"),
        ("compare", 6, "", ["--sizes", "500", "--forget", "speaker"], "no training speaker has 500 utterances"),
        ("cross-validate", 2, "", [], "speaker"),
        ("cross-validate", 6, "truncated", [], "05-sadness-3.wav is cut off"),
        ("cross-validate", 6, "unlabelled", [], "no emotion"),
        ("cross-validate", 6, "", ["--folds", "9"], "9 folds of 6 speakers are impossible"),
    ],
)
def test_long_work_fails_before_it_starts(
    refused: Callable[..., str],
    place: Path,
    write_corpus: Callable[..., Path],
    command: str,
    speakers: int,
    damage: str,
    extra: list[str],
    expected: str,
) -> None:
    """Bad input is found before hours of training, and leaves no working folder."""
    corpus = write_corpus(place / "small", speakers=speakers)
    if damage == "truncated":
        spoil(corpus / "audio" / "05-sadness-3.wav", damage)
    elif damage:
        table = corpus / "utterances.csv"
        table.write_text(table.read_text(encoding="utf-8").replace("05,anger", "05,", 1), encoding="utf-8")
    extra = extra or (["--sizes", "1"] if command == "compare" else [])
    assert expected in refused(command, corpus, "--out", place / "new", "--seeds", 1, *extra)


def test_one_emotion_only(refused: Callable[..., str], place: Path) -> None:
    table = place / "corpus" / "utterances.csv"
    text = table.read_text(encoding="utf-8")
    table.write_text(
        "\n".join(line for line in text.splitlines() if line.endswith(("emotion", "anger"))) + "\n", encoding="utf-8"
    )
    assert "at least two" in refused(*words("train", place))


def test_too_few_speakers(refused: Callable[..., str], place: Path, write_corpus: Callable[..., Path]) -> None:
    small = write_corpus(place / "small", speakers=2)
    assert "speaker" in refused(*words("train", place, corpus=small))


def test_unknown_test_speakers(refused: Callable[..., str], place: Path) -> None:
    assert "unknown speaker '99'" in refused(*words("train", place), "--test-speakers", "00,99")


def test_all_speakers_for_testing(refused: Callable[..., str], place: Path) -> None:
    assert "no speaker is left" in refused(*words("train", place), "--test-speakers", "00,01,02,03,04,05")


def test_side_without_recordings(refused: Callable[..., str], place: Path, write_corpus: Callable[..., Path]) -> None:
    other = write_corpus(place / "other", seconds=0.7)
    assert "on the test side" in refused("evaluate", place / "model", other, "--split", "test")


# what to forget


def test_speaker_not_in_the_corpus(refused: Callable[..., str], place: Path) -> None:
    line = words("forget", place)
    line[line.index("00")] = "99"
    assert "99" in refused(*line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "cannot be read"),
        ("", "names no utterance"),
        ("\n\n", "names no utterance"),
        ("00-anger-0\n00-angr-1\n", "00-angr-1"),
    ],
    ids=["missing", "empty", "blank", "unknown id"],
)
def test_list_of_utterances(refused: Callable[..., str], place: Path, text: str | None, expected: str) -> None:
    names = place / "forget.txt"
    if text is not None:
        names.write_text(text, encoding="utf-8")
    line = ["forget", place / "model", place / "corpus", "--utterances", names, "--out", place / "new"]
    assert expected in refused(*line)


def test_table_of_utterances_without_the_column(refused: Callable[..., str], place: Path) -> None:
    names = place / "forget.csv"
    names.write_text("name\n00-anger-0\n", encoding="utf-8")
    line = ["forget", place / "model", place / "corpus", "--utterances", names, "--out", place / "new"]
    assert "no column 'utterance'" in refused(*line)


def test_the_whole_training_set(refused: Callable[..., str], place: Path) -> None:
    table = (place / "corpus" / "utterances.csv").read_text(encoding="utf-8")
    names = place / "forget.txt"
    names.write_text("\n".join(line.split(",")[1] for line in table.splitlines()[1:]), encoding="utf-8")
    line = ["forget", place / "model", place / "corpus", "--utterances", names, "--out", place / "new"]
    assert "whole" in refused(*line) or "all" in refused(*line)


@pytest.mark.parametrize("both", [False, True])
def test_neither_or_both_ways_to_say_what_to_forget(refused: Callable[..., str], place: Path, both: bool) -> None:
    extra = ["--speaker", "00", "--utterances", place / "fast.toml"] if both else []
    line = ["forget", place / "model", place / "corpus", "--out", place / "new", *extra]
    assert "either --speaker ID or --utterances FILE" in refused(*line)


# models


def spoil_model(model: Path, how: str) -> None:
    """Damage a model directory."""
    config, weights = model / "config.json", model / "model.safetensors"
    if how == "missing":
        model.rename(model.with_name("elsewhere"))
    elif how == "empty folder":
        for path in (config, weights):
            path.unlink()
    elif how == "config cut short":
        config.write_text(config.read_text(encoding="utf-8")[:40], encoding="utf-8")
    elif how == "config of something else":
        config.write_text('{"model_type": "wav2vec2"}', encoding="utf-8")
    elif how == "other format version":
        change(config, format_version=99)
    elif how == "no weights":
        weights.unlink()
    elif how == "weights cut short":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == "a flipped byte":
        content = bytearray(weights.read_bytes())
        content[-50] ^= 0xFF
        weights.write_bytes(content)
    elif how == "NaN weights":
        tensors = load_file(weights)
        name = next(name for name in tensors if tensors[name].is_floating_point())
        tensors[name].view(-1)[0] = float("nan")
        save_file(tensors, weights, metadata={"format": "pt"})
        change(config, weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest())
    elif how == "record cut short":
        record = model / "erasure" / "record.json"
        record.write_text(record.read_text(encoding="utf-8")[:40], encoding="utf-8")
    else:
        raise ValueError(how)


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


MODEL_DAMAGE = {
    "missing": "there is no model directory",
    "empty folder": "has no config.json",
    "config cut short": "config.json is not valid JSON",
    "config of something else": "does not describe an affekt model",
    "other format version": "model format version 99",
    "no weights": "has no model.safetensors",
    "weights cut short": "SHA-256 differs",
    "a flipped byte": "SHA-256 differs",
    "NaN weights": "NaN or infinite weights",
    "record cut short": "record.json is not valid JSON",
}


@pytest.mark.parametrize("how", MODEL_DAMAGE)
@pytest.mark.parametrize("command", ["evaluate", "forget", "predict"])
def test_damaged_model(refused: Callable[..., str], place: Path, command: str, how: str) -> None:
    spoil_model(place / "model", how)
    assert MODEL_DAMAGE[how] in refused(*words(command, place))


def test_damaged_retrained_model(refused: Callable[..., str], place: Path) -> None:
    assert "there is no model directory" in refused(*words("forget", place), "--retrained", place / "nowhere")


# outputs and settings


@pytest.mark.parametrize("command", ["train", "forget"])
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_output_that_is_there_already(refused: Callable[..., str], place: Path, command: str, kind: str) -> None:
    target = place / "new"
    if kind == "folder":
        target.mkdir()
        target = target / "precious.txt"
    target.write_text("precious", encoding="utf-8")
    assert "new is not empty" in refused(*words(command, place))


def test_output_without_a_name(refused: Callable[..., str], place: Path) -> None:
    line = ["train", place / "corpus", "--out", ".", "--config", place / "fast.toml"]
    assert "the output folder . has no name of its own" in refused(*line)


def test_output_under_a_file(refused: Callable[..., str], place: Path) -> None:
    line = ["train", place / "corpus", "--out", place / "fast.toml" / "model", "--config", place / "fast.toml"]
    assert "fast.toml" in refused(*line)


def test_import_into_a_folder_that_is_there(refused: Callable[..., str], place: Path) -> None:
    audio = place / "emodb"
    audio.mkdir()
    (place / "corpus" / "audio" / "00-anger-0.wav").rename(audio / "03a01Wa.wav")
    assert "is not empty" in refused("corpus", "import", "emodb", audio, "--out", place / "corpus")


def test_import_of_another_layout(refused: Callable[..., str], place: Path) -> None:
    line = ["corpus", "import", "emodb", place / "corpus" / "audio", "--out", place / "new"]
    assert "is no EMO-DB recording" in refused(*line)


@pytest.mark.parametrize(
    ("command", "text", "expected"),
    [
        ("train", "epoch = 3\n", "unknown key 'epoch' in {path}; did you mean 'epochs'?"),
        ("train", "epochs = 0\n", "epochs is 0"),
        ("train", 'epochs = "many"\n', "'epochs' in {path} is 'many'; a whole number was expected"),
        ("train", "[options]\nchannel = 3\n", "unknown key 'channel' in {path}; did you mean 'channels'?"),
        ("train", "options = 3\n", "'options' in {path} is 3; a table was expected"),
        ("train", "epochs = \n", "{path} is no valid TOML"),
        ("forget", "retain_wieght = 1.0\n", "unknown key 'retain_wieght' in {path}"),
        ("forget", "max_stepz = 3\n", "unknown key 'max_stepz' in {path}; did you mean 'max_steps'?"),
        ("forget", "[attack]\nepsilom = 0.1\n", "unknown key 'epsilom' in {path}; did you mean 'epsilon'?"),
        ("forget", 'stop = "never"\n', "'stop' in {path} is 'never'; one of calibrated"),
        ("compare", "[trian]\n", "unknown key 'trian' in {path}; did you mean 'train'?"),
        ("compare", "[methods.l2lu]\n", "unknown key 'l2lu' in {path}; did you mean 'l2ul'?"),
        ("compare", "[methods.l2ul]\nmax_step = 3\n", "unknown key 'max_step' in {path}; did you mean 'max_steps'?"),
        ("compare", "methods = 3\n", "'methods' in {path} is 3; a table was expected"),
    ],
)
def test_settings(refused: Callable[..., str], place: Path, command: str, text: str, expected: str) -> None:
    path = place / "bad.toml"
    path.write_text(text, encoding="utf-8")
    line = [word for word in words(command, place) if word != "--config" and not str(word).endswith(".toml")]
    line += ["--method", "amun"] if command == "forget" else []
    assert expected.format(path=path) in refused(*line, "--config", path)


def test_settings_belong_to_a_method(refused: Callable[..., str], place: Path) -> None:
    (place / "some.toml").write_text("max_steps = 3\n", encoding="utf-8")
    said = refused(*words("forget", place), "--config", place / "some.toml")
    assert "--config holds settings of one method (got --method auto); name the method too" in said


def test_missing_settings(refused: Callable[..., str], place: Path) -> None:
    line = ["train", place / "corpus", "--out", place / "new", "--config", place / "nowhere.toml"]
    assert "nowhere.toml cannot be read" in refused(*line)


@pytest.mark.parametrize("command", ["train", "compare"])
def test_unknown_family(refused: Callable[..., str], place: Path, command: str) -> None:
    (place / "compare.toml").write_text("", encoding="utf-8")
    assert "unknown model family 'logmel'" in refused(*words(command, place), "--model", "logmel")


def test_unknown_method(refused: Callable[..., str], place: Path) -> None:
    assert "unknown method 'forget_set'" in refused(*words("forget", place), "--method", "forget_set")


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (["--methods", "l2lu"], "unknown method 'l2lu'"),
        (["--methods", "l2ul:stop"], "name:setting=value was expected"),
        (["--methods", "l2ul:stap=zero"], "unknown setting 'stap'"),
        (["--methods", ","], "no method"),
        (["--sizes", "ten"], "unknown size 'ten'"),
        (["--sizes", ","], "no size"),
        (["--forget", "everyone"], 'Invalid value "everyone"'),
        (["--seeds", "0"], "Must be >= 1"),
        (["--draws", "x"], 'unable to convert "x"'),
        (["--workers", "0"], "Must be >= 1"),
    ],
)
def test_compare_options(refused: Callable[..., str], place: Path, extra: list[str], expected: str) -> None:
    assert expected in refused("compare", place / "corpus", "--out", place / "new", *extra)


# usage


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["trian"], 'Unknown command "trian". Did you mean "train"?'),
        (["train"], "parameter CORPUS requires an argument"),
        (["train", "c"], "parameter --out requires an argument"),
        (["train", "c", "--out", "x", "--seed", "one"], 'unable to convert "one" into int'),
        (["train", "c", "--out", "x", "--seed", "-1"], "Must be >= 0"),
        (["train", "c", "--out", "x", "--sead", "1"], "Did you mean --seed?"),
        (["train", "c", "--out", "x", "--no-resume"], "Unknown option: --no-resume"),
        (["train", "c", "--out", "x", "--out", "y"], "--out specified multiple times"),
        (["evaluate", "m", "c", "--split", "tset"], 'Did you mean "test"?'),
        (["evaluate", "m", "c", "extra"], "Unused Tokens"),
        (["predict", "m"], "parameter PATHS requires an argument"),
        (["corpus", "import", "emo", "s", "--out", "x"], 'Invalid value "emo" for NAME'),
        (["corpus", "shown", "x"], 'Unknown command "shown". Did you mean "show"?'),
    ],
)
def test_usage(refused: Callable[..., str], line: list[str], expected: str) -> None:
    sentence = refused(*line)
    assert expected in sentence
    assert "--help)." in sentence
