"""Which commands there are. Their files import nothing heavy before a command runs, so that help costs no torch."""

from cyclopts import App, Parameter

from affekt import __version__
from affekt.cli.audit import audit
from affekt.cli.audit_model import audit_model
from affekt.cli.benchmark import forgetting
from affekt.cli.certify import certify
from affekt.cli.compare import compare
from affekt.cli.corpus import check, export_corpus, import_corpus, show, split
from affekt.cli.cross_validate import cross_validate
from affekt.cli.demo import demo
from affekt.cli.evaluate import evaluate
from affekt.cli.export import export
from affekt.cli.forget import forget
from affekt.cli.fuse import fuse
from affekt.cli.predict import predict
from affekt.cli.rank import rank
from affekt.cli.raters import consensus, raters
from affekt.cli.search import search
from affekt.cli.train import train
from affekt.cli.verify import verify

__all__ = ["app"]

app = App(
    name="affekt",
    help="Emotion in speech: train a model, measure it honestly, and make it forget a person on request.",
    help_epilogue=(
        "Results go to standard output (--json for machines), notes and progress to standard error. "
        "Exit codes: 0 done, 1 failed verdict, 2 wrong usage or bad input, 130 interrupted."
    ),
    version=__version__,
    help_format="plaintext",
    # flags have no inverse: --no-resume would only confuse
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)

_corpus = App(name="corpus", help="Look at, check, audit, split, import or export a corpus.", sort_key=1)
_corpus.command(App(name="show", default_command=show, sort_key=1))
_corpus.command(App(name="check", default_command=check, sort_key=2))
_corpus.command(App(name="audit", default_command=audit, sort_key=4))
_corpus.command(App(name="import", default_command=import_corpus, sort_key=3))
_corpus.command(App(name="export", default_command=export_corpus, sort_key=4))
_corpus.command(App(name="split", default_command=split, sort_key=5))
_corpus.command(App(name="raters", default_command=raters, sort_key=5))
_corpus.command(App(name="consensus", default_command=consensus, sort_key=6))

_benchmark = App(name="benchmark", help="Measure by a stated protocol, over corpora and models.", sort_key=7)
_benchmark.command(App(name="forgetting", default_command=forgetting))

# listed in the order in which people need them
app.command(App(name="demo", default_command=demo, sort_key=0))
app.command(_corpus)
app.command(App(name="train", default_command=train, sort_key=2))
app.command(App(name="evaluate", default_command=evaluate, sort_key=3))
app.command(App(name="fuse", default_command=fuse, sort_key=3))
app.command(App(name="predict", default_command=predict, sort_key=4))
app.command(App(name="search", default_command=search, sort_key=4))
app.command(App(name="rank", default_command=rank, sort_key=4))
app.command(App(name="export", default_command=export, sort_key=4))
app.command(App(name="forget", default_command=forget, sort_key=5))
app.command(App(name="audit", default_command=audit_model, sort_key=6))
app.command(App(name="certify", default_command=certify, sort_key=6))
app.command(App(name="verify", default_command=verify, sort_key=6))
app.command(App(name="compare", default_command=compare, sort_key=6))
app.command(_benchmark)
app.command(App(name="cross-validate", default_command=cross_validate, sort_key=7))
