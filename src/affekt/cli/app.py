"""Which commands there are. They are loaded when they are called, so that help costs no import of torch."""

from cyclopts import App, Parameter

from affekt import __version__

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
    # an option that is given twice, or a flag with an inverse nobody asked for, would only confuse
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
    # a word with @ is a word: it is never a file with more words
    argfile_prefix=None,
)

for _name, _help in (
    ("demo", "Show the whole way on the built-in corpus: train, forget one speaker, report."),
    ("train", "Train a model on a corpus, with speaker-disjoint test speakers."),
    ("evaluate", "Score a model on a corpus."),
    ("predict", "Say what a model hears in recordings."),
    ("forget", "Make a model forget a speaker or some utterances, and report what that did."),
    ("compare", "Compare unlearning methods with retraining on one corpus."),
):
    app.command(f"affekt.cli.{_name}:{_name}", name=_name, help=_help)

corpus = App(name="corpus", help="Look at, check or import a corpus.", default_parameter=Parameter(negative=()))
app.command(corpus)
corpus.command("affekt.cli.corpus:show", name="show", help="Show what a corpus holds.")
corpus.command("affekt.cli.corpus:check", name="check", help="Read every recording and say what is wrong.")
corpus.command(
    "affekt.cli.corpus:import_corpus", name="import", help="Bring a public corpus from its own layout into affekt's."
)
