import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from affekt.corpora.espeak import SAMPLE_RATE, Espeak, Utterance
from affekt.errors import DataError, MissingExtraError

SENTENCE = Utterance(text="The kettle is on the table.", voice="en+f2", seed=7)  # f2 breathes: noise is in it


@pytest.fixture(scope="module")
def espeak():
    pytest.importorskip("espeakng_loader")
    with Espeak() as opened:
        yield opened


def test_speech_has_the_length_of_a_sentence(espeak):
    samples = espeak.speak(SENTENCE)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert 0.8 * SAMPLE_RATE < samples.size < 4 * SAMPLE_RATE
    assert 0.05 < np.abs(samples).max() < 1


def test_what_was_said_before_leaves_no_trace(espeak):
    first = espeak.speak(SENTENCE)
    espeak.speak(Utterance(text="Etwas ganz anderes.", voice="de+m8", pitch=80, rate=250, seed=3))
    np.testing.assert_array_equal(espeak.speak(SENTENCE), first)


def test_another_process_says_the_same(espeak):
    code = (
        "import hashlib; from affekt.corpora.espeak import Espeak, Utterance\n"
        f"with Espeak() as espeak: print(hashlib.sha256(espeak.speak({SENTENCE!r}).tobytes()).hexdigest())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == hashlib.sha256(espeak.speak(SENTENCE).tobytes()).hexdigest()
    assert said.stderr == ""


def test_threads_do_not_mix(espeak):
    sentences = [replace(SENTENCE, pitch=pitch) for pitch in (20, 40, 60, 80)]
    alone = [espeak.speak(sentence) for sentence in sentences]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(espeak.speak, sentences))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_noise_follows_the_seed(espeak):
    assert not np.array_equal(espeak.speak(SENTENCE), espeak.speak(replace(SENTENCE, seed=8)))


def test_faster_is_shorter(espeak):
    slow, fast = (espeak.speak(replace(SENTENCE, rate=rate)).size for rate in (120, 240))
    assert fast < 0.7 * slow


def test_it_is_quiet(espeak, capfd):
    espeak.speak(SENTENCE)
    assert capfd.readouterr() == ("", "")


def test_unknown_voice(espeak):
    with pytest.raises(DataError, match=r"no such voice \(got 'xx\+m3'\)"):
        espeak.speak(replace(SENTENCE, voice="xx+m3"))


def test_no_words(espeak):
    with pytest.raises(DataError, match="said nothing"):
        espeak.speak(replace(SENTENCE, text=""))


def test_closed():
    pytest.importorskip("espeakng_loader")
    with pytest.raises(DataError, match="not open"):
        Espeak().speak(SENTENCE)


def test_missing_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'affekt\[voices\]'"):
        Espeak()
