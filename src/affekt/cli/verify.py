"""affekt verify."""

from pathlib import Path

from affekt.cli.certify import Files, asked_for
from affekt.cli.output import Flag, Output, OutputOptions

__all__ = ["verify"]


def verify(
    statement: Path,
    /,
    *,
    model: Path,
    key: Files = None,
    threshold: int | None = None,
    ledger: Path | None = None,
    head: Path | None = None,
    before: Path | None = None,
    rewritten: Flag = False,
    corpus: str | None = None,
    speaker: str | None = None,
    utterances: Path | None = None,
    request_key: Path | None = None,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Check a statement about a deletion against the model, the signers' keys and the ledger.

    Signatures, digests and the ledger's chain must hold, the flags must follow from the numbers, and the verdict from
    the flags. Exit code 0: all of it does, whatever the verdict; 1: something does not, and the first such thing is
    named; 2: a file is missing or the command is wrong. Needs the extra 'sign'.

    Args:
        statement: The file statement.dsse.json.
        model: Model directory after the deletion.
        key: Public key of a signer (PEM); give the option again for each, for every signature is checked.
        threshold: How many of the keys must have signed; all if not given.
        ledger: The ledger the statement should be in.
        head: A head of the ledger that was published earlier; the one beside the ledger if not given.
        before: Model directory before the deletion.
        rewritten: The model's files were written anew; compare tensors and settings, not the bytes of the files.
        corpus: Corpus with recordings that should be exactly the forgotten ones; with --request-key.
        speaker: The speaker who should be forgotten.
        utterances: File with the utterances that should be forgotten.
        request_key: The key of the commitment.
        output: How to show the result.
    """
    from affekt.errors import ConfigError
    from affekt.reports.verify import verify as check

    if not key:
        raise ConfigError("no key was given; the public key of every signer was expected; add --key FILE.pub.")
    found = check(
        statement,
        model=model,
        keys=key,
        threshold=threshold,
        ledger=ledger,
        head=head,
        before=before,
        asked=asked_for(corpus, speaker, utterances),
        request_key=request_key,
        rewritten=rewritten,
    )
    output.show(found.to_json(), found.summary)
    return 0 if found.succeeded else 1
