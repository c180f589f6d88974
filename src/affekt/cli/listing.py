"""What commands share that list recordings from the highest score to the lowest: files to write, a page, a device."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from affekt.cli.output import Flag

if TYPE_CHECKING:
    from affekt.models import EmotionModel

__all__ = ["Listing", "ListingOptions", "write_rows"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ListingOptions:
    """Where a list of recordings goes. A command says in its own words what ``out`` and ``page`` hold."""

    out: Path | None = None
    """File to write all recordings to, .csv or .jsonl; it must not exist."""
    page: Path | None = None
    """HTML page with players to write; it must not exist."""
    embed: Flag = False
    """Put the recordings into the page, so that it can be given away alone; else it points at them."""
    device: str = "auto"
    """Where torch computes, such as cpu or cuda; auto is cuda where there is one, else cpu."""

    def check(self) -> None:
        """Refuse what cannot be written, before the work.

        Raises:
            ConfigError: the name of the file tells no format, or there is no page to embed into.
            DataError: a file exists.
        """
        from affekt.errors import ConfigError
        from affekt.files import check_new_file

        if self.out is not None and self.out.suffix.lower() not in (".csv", ".jsonl"):
            raise ConfigError(
                f"the name {self.out} tells no format; a suffix of .csv or .jsonl was expected; change the name."
            )
        if self.embed and self.page is None:
            raise ConfigError(
                "--embed is about the page and no --page is given; both were expected; say --page FILE too."
            )
        for file in (self.out, self.page):
            if file is not None:
                check_new_file(file)

    def load(self, model: Path) -> "EmotionModel":
        """The model of a directory, in evaluation mode, where it is to compute.

        Raises:
            CheckpointError: the directory is missing or damaged.
            ConfigError: there is no such device.
        """
        from affekt.models import EmotionModel
        from affekt.prediction.torch_scorer import TorchScorer

        return TorchScorer(EmotionModel.from_pretrained(model), device=self.device).model


Listing = Annotated[ListingOptions, Parameter(name="*")]
"""Type of the parameter of a command that lists recordings."""


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows with the same keys as .csv or .jsonl, as the suffix says; the file appears whole or not at all.

    Args:
        path: a file that does not exist.
        rows: one or more; what is None is an empty cell.
    """
    from affekt.files import new_file

    with new_file(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        if path.suffix.lower() == ".jsonl":
            stream.writelines(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
