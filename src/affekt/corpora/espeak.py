"""espeak-ng through ctypes: text in, samples out, the same samples every time.

espeak-ng (https://github.com/espeak-ng/espeak-ng, GPL-3) is not part of affekt. The extra ``voices`` installs
``espeakng-loader``, which ships the compiled library and its data; it is imported here, when somebody first speaks, and
nowhere else.

Why the library is loaded anew for every utterance
    The synthesiser keeps state between calls that its interface cannot reset: the position in the table that makes the
    pitch flutter, its gain control and a random generator that is seeded from the clock. Spoken twice in one process, a
    sentence comes out as two different waveforms. A freshly loaded library starts from the same state each time, and
    ``espeak_ng_SetRandSeed`` settles the rest, so an utterance depends on nothing but its own settings. Loading takes
    about 3 ms. A private copy of the library file is loaded, so that another user of espeak-ng in the same process is
    neither disturbed nor able to keep old state alive.
"""

import ctypes
import shutil
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from affekt.errors import DataError, MissingExtraError

__all__ = ["SAMPLE_RATE", "Espeak", "Utterance"]

SAMPLE_RATE = 22050
"""Hz, what espeak-ng synthesises at."""

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: espeak_Synth returns after the last callback, no thread, no sound card
_DO_NOT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT: report missing data instead of ending the process
_UTF8 = 1
_BY_CHARACTER = 1
_RATE, _VOLUME, _PITCH, _RANGE, _WORD_GAP = 1, 2, 3, 4, 7  # espeak_PARAMETER
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)

# One utterance at a time in a process: the synthesiser is made of global variables.
_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """What espeak-ng is asked to say, in its own units."""

    text: str
    voice: str
    """Language and variant, such as ``en+m3``."""
    rate: int = 175
    """Words a minute, 80 to 450."""
    pitch: int = 50
    """0 to 99; 50 is the voice's own pitch, 50 steps are an octave."""
    pitch_range: int = 50
    """0 to 99; 50 is the voice's own range in Hz, 0 is a monotone."""
    word_gap: int = 0
    """Extra pause between words, in units of 10 ms at the usual rate."""
    seed: int = 0
    """Seed of the synthesiser's own noise."""


class Espeak:
    """A private espeak-ng. Use it as a context manager; it may be used from several threads.

    Raises:
        MissingExtraError: espeakng-loader is not installed.

    Example:
        >>> with Espeak() as espeak:
        ...     samples = espeak.speak(Utterance(text="The kettle is on the table.", voice="en+f2"))
        >>> samples.dtype
        dtype('float32')
    """

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError:
            raise MissingExtraError(
                "the built-in voices need espeak-ng, which is not installed (got no module espeakng_loader); "
                "expected the extra 'voices'; install it with: pip install 'affekt[voices]'"
            ) from None
        self._library = Path(espeakng_loader.get_library_path())
        self._data = str(espeakng_loader.get_data_path())
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> "Espeak":
        self._folder = tempfile.TemporaryDirectory(prefix="affekt-espeak-", ignore_cleanup_errors=True)
        self._copy = Path(self._folder.name) / self._library.name
        shutil.copyfile(self._library, self._copy)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def speak(self, utterance: Utterance) -> npt.NDArray[np.float32]:
        """Synthesise one utterance.

        Returns:
            Samples (T,), float32 in [-1, 1], at :data:`SAMPLE_RATE`; espeak's own silence at the end included.

        Raises:
            DataError: espeak-ng refused the voice or the text, or said nothing.
        """
        if self._folder is None:
            raise DataError(
                "espeak-ng is not open (got a closed Espeak); expected an open one; use it in a with block."
            )
        with _lock:
            library = ctypes.CDLL(str(self._copy))
            try:
                samples = self._speak(library, utterance)
            finally:
                library.espeak_Terminate()
                _unload(library)
        if not samples.any():
            raise DataError(
                f"espeak-ng said nothing (got text {utterance.text!r}); expected words in the voice's language; "
                f"change the text or the voice {utterance.voice!r}."
            )
        return samples.astype(np.float32) / np.float32(32768)

    def _speak(self, library: ctypes.CDLL, utterance: Utterance) -> npt.NDArray[np.int16]:
        chunks: list[bytes] = []

        def receive(samples: int | None, count: int, events: int | None) -> int:
            if samples and count > 0:
                chunks.append(ctypes.string_at(samples, 2 * count))
            return 0

        callback = _CALLBACK(receive)  # must outlive espeak_Synth
        if library.espeak_Initialize(_SYNCHRONOUS, 0, self._data.encode(), _DO_NOT_EXIT) != SAMPLE_RATE:
            raise DataError(
                f"espeak-ng does not start (got its data from {self._data}); expected a complete espeakng-loader; "
                "reinstall it with: pip install --force-reinstall espeakng-loader"
            )
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(utterance.voice.encode()):
            raise DataError(
                f"espeak-ng has no such voice (got {utterance.voice!r}); expected one like 'en+m3'; "
                "choose one from the folders lang and voices/!v of espeak-ng-data."
            )
        # Volume 60 of 100: some variants touch full scale at their default.
        settings = {
            _RATE: utterance.rate,
            _VOLUME: 60,
            _PITCH: utterance.pitch,
            _RANGE: utterance.pitch_range,
            _WORD_GAP: utterance.word_gap,
        }
        for name, value in settings.items():
            library.espeak_SetParameter(name, value, 0)
        library.espeak_ng_SetRandSeed(ctypes.c_long(utterance.seed))
        text = utterance.text.encode() + b"\0"
        status = library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, _BY_CHARACTER, 0, _UTF8, None, None)
        if status:
            raise DataError(
                f"espeak-ng refused to speak (got status {status} for {utterance.text!r}); expected 0; change the text."
            )
        return np.frombuffer(b"".join(chunks), np.int16)


def _unload(library: ctypes.CDLL) -> None:
    import _ctypes

    if sys.platform == "win32":
        _ctypes.FreeLibrary(library._handle)
    else:
        _ctypes.dlclose(library._handle)
