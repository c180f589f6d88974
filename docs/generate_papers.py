"""Write docs/papers.md from the PAPER constants and headers of the modules under src/affekt.

    python docs/generate_papers.py            write the page
    python docs/generate_papers.py --check    fail if the page is not what would be written

The modules are read, not imported, so this takes no time and needs nothing installed.
"""

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "papers.md"
FIELDS = ("Title", "Authors", "Year", "arXiv", "Official code", "Paper", "Reading", "Deviations", "Reproduces")
SHOWN = {
    "Authors": "Authors",
    "Official code": "Official code",
    "Paper": "The paper's",
    "Reading": "Our reading",
    "Deviations": "Deviations",
    "Reproduces": "Reproduces",
}
HEAD = """# Papers

<!-- Written by docs/generate_papers.py from the modules; change those, then run: make papers -->

A method is one module named as in its paper. Its header says what is the paper's, what is our reading, and what
deviates. Nothing below is quoted from a paper, and where an equation was not available to us the entry says so.
"""


@dataclass(frozen=True, kw_only=True)
class Paper:
    """One module with a PAPER constant."""

    module: str
    summary: str
    title: str
    arxiv: str
    year: int
    fields: dict[str, str]


def papers(source: Path = ROOT / "src") -> list[Paper]:
    """All modules with a PAPER, sorted by name; ``PAPER = None`` marks a module that follows no paper."""
    found = []
    for file in sorted(source.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        constants = [
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["PAPER"]
        ]
        if not constants or constants[0] is None:
            continue
        header = ast.get_docstring(tree) or ""
        found.append(
            Paper(
                module=".".join(file.relative_to(source).with_suffix("").parts),
                summary=_plain(header.partition("\n")[0]),
                title=constants[0]["title"],
                arxiv=constants[0]["arxiv"],
                year=constants[0]["year"],
                fields=_fields(header),
            )
        )
    return found


def page(found: list[Paper]) -> str:
    """The whole page as MyST Markdown."""
    lines = [HEAD, "| paper | year | arXiv | module |", "|---|---|---|---|"]
    for paper in sorted(found, key=lambda paper: (-paper.year, paper.title, paper.module)):
        link = f"[{paper.arxiv}](https://arxiv.org/abs/{paper.arxiv})"
        lines.append(f"| {paper.title} | {paper.year} | {link} | [`{paper.module}`](#{_anchor(paper.module)}) |")
    for paper in found:
        lines += ["", f"({_anchor(paper.module)})=", f"## `{paper.module}`", "", paper.summary, ""]
        lines.append(f"- **Title**: {paper.title}, [arXiv {paper.arxiv}](https://arxiv.org/abs/{paper.arxiv})")
        lines += [f"- **{shown}**: {paper.fields[name]}" for name, shown in SHOWN.items() if name in paper.fields]
    return "\n".join(lines) + "\n"


def _fields(header: str) -> dict[str, str]:
    """Field -> text of a module header such as ``Paper: ... Reading: ...``; a field ends where the next begins."""
    body = " ".join(header.partition("\n")[2].split())
    marks = list(re.finditer(rf"(?:^|(?<=[.)] ))({'|'.join(FIELDS)}):", body))
    ends = [mark.start() for mark in marks[1:]] + [len(body)]
    return {mark[1]: _plain(body[mark.end() : end].strip()) for mark, end in zip(marks, ends, strict=True)}


def _anchor(module: str) -> str:
    return "paper-" + module.rpartition(".")[2].replace("_", "-")


def _plain(text: str) -> str:
    """Turn the reStructuredText of a docstring into Markdown; drop notes that point outside the repository."""
    text = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text).replace("``", "`")
    text = re.sub(r"(?<!\*)\*(?!\*)", r"\*", text)
    return re.sub(r"\s*\((?:card|practice) [^)]*\)", "", text)


def main(arguments: list[str]) -> int:
    """Write or check the page."""
    wanted = page(papers())
    if "--check" in arguments:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == wanted:
            return 0
        sys.stderr.write("docs/papers.md is not what the modules say; run: make papers\n")
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
