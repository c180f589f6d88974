"""The letter: one page, plain words, no number to explain, nothing promised that cannot be."""

import copy
import re
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest

from affekt.metrics.deletion_rules import VERDICTS
from affekt.reports.dsse import Envelope
from affekt.reports.letter import letter_html, letter_text
from affekt.reports.request_details import RequestDetails, ScopeMap
from affekt.reports.statement import read_payload

JARGON = (
    "accuracy|AUC|bootstrap|certificate|class|confidence|corpus|dataset|data set|digest|epoch|feature|gradient|hash|"
    "interval|logit|loss|member|metric|model|nat|parameter|probab|retrain|seed|speaker|statistic|UAR|unlearn|"
    "utterance|verdict|weights|%|_"
)
DETAILS = RequestDetails(
    id="2026-017",
    received=date(2026, 8, 1),
    completed=date(2026, 8, 14),
    controller="Example Voices <Ltd>",
    contact="privacy desk, by post",
    authority="the Office for Privacy",
    scope=ScopeMap(raw_audio="deleted", recipients="out of reach: one reseller, told in August"),
)


@pytest.fixture
def predicate(issued: Any) -> dict[str, Any]:
    statement = read_payload(Envelope.from_bytes(issued.statement.read_bytes()).payload)
    predicate: dict[str, Any] = copy.deepcopy(statement["predicate"])
    predicate["request"] |= DETAILS.to_json()
    predicate["scope"] = vars(DETAILS.scope)
    return predicate


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("flag", [True, False, None])
def test_every_letter_is_plain_and_short(predicate: dict[str, Any], verdict: str, flag: bool | None) -> None:
    predicate["verdict"] = verdict
    for piece in predicate["evidence"]:
        piece["pass"] = flag
    text = letter_text(predicate, DETAILS)
    head, _, body = text.partition("What we did about your request")
    assert head.splitlines()[:4] == [
        "From: Example Voices <Ltd>",
        "Your request: 2026-017",
        "Received: 1 August 2026",
        "Done: 14 August 2026",
    ]
    assert not re.search(r"\d", body)
    assert not (found := re.findall(JARGON, body)), found
    assert len(body.split()) < 420
    headings = ["What you asked", "What we did", "What we checked", "What we cannot promise", "Whom to ask"]
    assert [line for line in body.splitlines() if line in headings] == headings
    # where nothing was changed nothing was tested
    assert ("We cannot promise that no trace" in body) == (verdict != "NOT_APPLICABLE")
    assert ("We tested for it" in body) == (verdict != "NOT_APPLICABLE")
    assert "Example Voices <Ltd>: privacy desk, by post." in body
    assert "the Office for Privacy" in body
    assert "Your recordings: deleted." in body
    assert "we could not reach these (one reseller, told in August)" in body
    # nothing that failed may sound like a success
    assert ("not the answer to your request" in body) == verdict.startswith("FAILED")


def test_both_forms_say_the_same(predicate: dict[str, Any]) -> None:
    class Words(HTMLParser):
        said = ""
        on = False

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.on = (self.on or tag == "main") and tag != "style"

        def handle_endtag(self, tag: str) -> None:
            self.on = (self.on or tag == "style") and tag != "main"

        def handle_data(self, data: str) -> None:
            self.said += f" {data}" if self.on else ""

    page = letter_html(predicate, DETAILS)
    words = Words()
    words.feed(page)
    assert words.said.split() == letter_text(predicate, DETAILS).replace("\n- ", "\n").split()
    assert "Example Voices &lt;Ltd&gt;" in page
    for forbidden in ("http:", "https:", "<script", "@import", "src="):
        assert forbidden not in page


def test_what_was_not_told_is_not_made_up(predicate: dict[str, Any]) -> None:
    bare = RequestDetails()
    predicate["request"] |= bare.to_json()
    predicate["scope"] = vars(bare.scope)
    text = letter_text(predicate, bare)
    assert text.startswith("What we did about your request")
    assert not re.search(r"\d", text)
    assert "not stated" not in text
    assert "This letter is about the program alone" in text
    assert "Us, at the address you wrote to." in text


def test_some_recordings_of_a_person(predicate: dict[str, Any]) -> None:
    predicate["request"]["scope"] = "utterances"
    assert "certain recordings of you." in letter_text(predicate, DETAILS)
