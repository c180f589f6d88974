"""What the folder itself offers."""

import subprocess
import sys

import affekt.corpora
from affekt.corpora import (
    READERS,
    crema_d,
    dailydialog,
    emodb,
    emogator,
    iemocap,
    msp_improv,
    msp_podcast,
    ravdess,
    stem_e2va,
)


def test_every_reader_is_listed_under_its_name() -> None:
    assert dict(READERS) == {
        "crema-d": crema_d.read,
        "dailydialog": dailydialog.read,
        "emodb": emodb.read,
        "emogator": emogator.read,
        "iemocap": iemocap.read,
        "msp-improv": msp_improv.read,
        "msp-podcast": msp_podcast.read,
        "ravdess": ravdess.read,
        "stem-e2va": stem_e2va.read,
    }


def test_every_export_is_there() -> None:
    for name in affekt.corpora.__all__:
        assert getattr(affekt.corpora, name) is not None


def test_importing_it_needs_no_torch() -> None:
    code = "import sys, affekt.corpora; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
