"""affekt certify."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from affekt.cli.output import Output, OutputOptions

if TYPE_CHECKING:
    from affekt.reports.certify import Asked
    from affekt.reports.request_details import RequestDetails

__all__ = ["Files", "asked_for", "certify", "details_of"]

Files = Annotated[list[Path] | None, Parameter(negative=())]
"""An option that may be given several times."""


def certify(
    model: Path | None = None,
    /,
    *,
    before: Path | None = None,
    key: Files = None,
    out: Path | None = None,
    ledger: Path | None = None,
    request: Path | None = None,
    corpus: str | None = None,
    speaker: str | None = None,
    utterances: Path | None = None,
    request_key: Path | None = None,
    evidence: Files = None,
    countersign: Path | None = None,
    new_key: Path | None = None,
    destroy_key: Path | None = None,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Sign a statement about a deletion, and write a letter to the person.

    The statement's flags and its verdict are computed from the numbers in the model directory's report.json. Exit code
    1: the statement is there, and its verdict is that the model has not forgotten. Needs the extra 'sign'.

    Args:
        model: Model directory that affekt forget wrote.
        before: Model directory it was made from.
        key: Private key to sign with (PEM, Ed25519); give the option again for a second signer.
        out: Folder to write; it must not exist yet. With --countersign: the file to write.
        ledger: Ledger to add the statement to; it is made if it is not there.
        request: TOML file with what only you know: number, ground and dates of the request, what became of every copy.
        corpus: Corpus that holds the requested recordings, to commit to them; with --speaker or --utterances.
        speaker: The speaker who was forgotten.
        utterances: The utterances that were forgotten: the file that affekt forget was given.
        request_key: New file for the key of the commitment; OUT.request-key if not given.
        evidence: File to cite by its SHA-256, such as an audit of the method; may be given again.
        countersign: Add a signature to this statement, as a reviewer does; with --key and --out.
        new_key: Make a key to sign with: this file, and the public key in FILE.pub; nothing else is done.
        destroy_key: Overwrite and remove the key of a request's commitment; nothing else is done.
        output: How to show the result.
    """
    from affekt.errors import ConfigError
    from affekt.reports.certify import certify as issue

    alone = {"--new-key": new_key, "--destroy-key": destroy_key, "--countersign": countersign}
    chosen = [name for name, value in alone.items() if value is not None]
    if len(chosen) + (model is not None) != 1:
        raise ConfigError(
            f"what to do was not said once (got {', '.join([*chosen, *['a model'] * (model is not None)]) or 'nothing'}"
            "); a model directory, --new-key, --destroy-key or --countersign was expected; give one of them."
        )
    if new_key is not None:
        from affekt.reports.dsse import new_signing_key

        private, public = new_signing_key(new_key)
        output.show({"key": str(private), "public_key": str(public)}, [f"Key: {private}", f"Public key: {public}"])
        return 0
    if destroy_key is not None:
        from affekt.reports.commitment import destroy_key as destroy

        destroy(destroy_key)
        output.show({"destroyed": str(destroy_key)}, [f"Destroyed: {destroy_key}"])
        return 0
    needed = {"--key": key, "--out": out} | ({} if countersign is not None else {"--before": before})
    missing = [name for name, value in needed.items() if not value]
    if missing or out is None:
        raise ConfigError(f"{missing[0]} is missing; it was expected here; add it (see affekt certify --help).")
    if countersign is not None:
        from affekt.reports.certify import add_signature

        written = add_signature(countersign, keys=key or [], out=out, ledger=ledger)
        output.show({"statement": str(written)}, [f"Statement: {written}"])
        return 0
    if model is None or before is None:
        raise ConfigError("--before is missing; the model before the deletion was expected; add it.")
    issued = issue(
        model,
        before=before,
        keys=key or [],
        out=out,
        ledger=ledger,
        details=None if request is None else details_of(request),
        asked=asked_for(corpus, speaker, utterances),
        request_key=request_key,
        evidence=evidence or [],
    )
    output.show(issued.to_json(), issued.summary)
    return 0 if issued.succeeded else 1


def asked_for(corpus: str | None, speaker: str | None, utterances: Path | None) -> "Asked | None":
    """The recordings that the options name; None if they name none.

    Raises:
        ConfigError: the corpus is named without recordings, or recordings without a corpus or twice.
    """
    from affekt.errors import ConfigError

    if corpus is None and speaker is None and utterances is None:
        return None
    if corpus is None or (speaker is None) == (utterances is None):
        raise ConfigError(
            "the recordings were not named once; --corpus with either --speaker ID or --utterances FILE was expected; "
            "give these two."
        )
    from affekt.cli.forget import read_ids
    from affekt.corpora import open_corpus
    from affekt.reports.certify import Asked

    return Asked(
        corpus=open_corpus(corpus),
        speaker=speaker,
        utterances=None if utterances is None else read_ids(utterances),
    )


def details_of(path: Path) -> "RequestDetails":
    """The request that a TOML file tells.

    Raises:
        ConfigError: a key is unknown or a value is not one that may stand there.
    """
    from affekt.cli.settings import overrides, read_toml
    from affekt.reports.request_details import RequestDetails, ScopeMap

    values = overrides(read_toml(path), RequestDetails, path=path)
    if "scope" in values:
        values["scope"] = ScopeMap(**values["scope"])
    return RequestDetails(**values)
