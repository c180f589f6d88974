"""The letter to the person: one page, plain words, no number that would need explaining.

It follows from the statement's verdict and scope map, and names nobody; the controller adds the address.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from affekt.metrics.deletion_rules import LOSS, PERMUTATION, RELEARNING, SCREEN, UTILITY
from affekt.reports.pages import render
from affekt.reports.request_details import NOT_STATED, RequestDetails

__all__ = ["letter_html", "letter_text"]

_OUTCOME: Final = {
    "EXACT": (
        "The program has been taught anew, from the start, without your recordings. They had no part in what it now "
        "knows.",
    ),
    "APPROXIMATE_TESTED": (
        "We changed the program so that it treats your recordings like those of somebody it has never heard. The tests "
        "we made all agree that it does.",
    ),
    "APPROXIMATE_WEAK_EVIDENCE": (
        "We changed the program so that it should treat your recordings like those of somebody it has never heard. "
        "What we tested speaks for that, but not every test could be made. So we are less sure than we would like.",
    ),
    "FAILED_UNDER_FORGOTTEN": (
        "We tried to make the program forget your recordings. Our tests say that this has not worked yet: it still "
        "knows them better than those of a stranger.",
        "This changed program is therefore not the answer to your request. Please ask us what we do next.",
    ),
    "FAILED_OVER_FORGOTTEN": (
        "We tried to make the program forget your recordings. It now does so badly on them that this could itself give "
        "away that you asked.",
        "This changed program is therefore not the answer to your request. Please ask us what we do next.",
    ),
    "FAILED_UTILITY": (
        "We tried to make the program forget your recordings. Afterwards it may no longer work well enough for other "
        "people.",
        "This changed program is therefore not the answer to your request. Please ask us what we do next.",
    ),
    "NOT_APPLICABLE": (
        "The program had not learned from any of the recordings you named, so there was nothing in it to remove.",
    ),
}
_CHECKED: Final = {
    LOSS: "whether the program is as unsure about your recordings as about ones it never learned from",
    SCREEN: "whether your recordings stand out from those of people it has never heard",
    UTILITY: "whether the program still works for everybody else",
    PERMUTATION: "whether the program differs from ones that were never given your recordings",
    RELEARNING: "whether what it knew of them comes back when it learns something else",
}
_ANSWER: Final = {True: "Yes, as far as we can tell.", False: "No.", None: "We could not test this."}
_DANGERS: Final = (SCREEN, PERMUTATION, RELEARNING)
"""Tests whose good answer is no."""
_STANDS_OUT: Final = {True: "No, as far as we can tell.", False: "Yes.", None: "We could not test this."}

_PLACES: Final = {
    "raw_audio": "Your recordings",
    "features": "Measurements taken from them",
    "caches": "Working copies",
    "manifests": "Lists that name them",
    "backups": "Backups",
    "other_models": "Other programs that learned from them",
    "fold_models": "Programs made for trials",
    "saved_statistics": "Sums and averages kept from the learning",
    "derived_models": "Programs made from this one",
    "exports": "Copies of the earlier program",
    "recipients": "Others who were given recordings or the earlier program",
}
_STATES: Final = {
    "deleted": "deleted",
    "unlearned": "changed, so that your part in them should be gone",
    "retrained": "made anew without your recordings",
    "none": "there are none",
    "out of reach": "we could not reach these",
}
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_NO_PROMISE: Final = (
    "We cannot promise that no trace of your recordings is left in the program. We tested for it; a cleverer test "
    "might find something.",
    "Copies of the earlier program that were given away before are not changed by this.",
    "The program may still guess something about you from what it learned from other people.",
    "We made these tests ourselves. Somebody independent can repeat them, if you or an authority ask for it.",
)


_NO_PROMISE_FOR_NOTHING: Final = (
    "We looked in the list that was kept when the program was taught. It can only show what was written down then.",
    *_NO_PROMISE[2:3],
)


def letter_text(predicate: Mapping[str, Any], details: RequestDetails) -> str:
    """The letter as plain text."""
    content = _content(predicate, details)
    lines = [*content["head"], "", content["title"], ""]
    for heading, paragraphs, items in content["sections"]:
        lines += [heading, *paragraphs, *(f"- {item}" for item in items), ""]
    return "\n".join(lines).strip() + "\n"


def letter_html(predicate: Mapping[str, Any], details: RequestDetails) -> str:
    """The letter as a page that prints on one sheet."""
    return render("letter.html", **_content(predicate, details))


def _content(predicate: Mapping[str, Any], details: RequestDetails) -> dict[str, Any]:
    """What both forms say."""
    request = predicate["request"]
    facts = [
        ("From", details.controller),
        ("Your request", request["id"]),
        ("Received", _day(request["received"])),
        ("Done", _day(request["completed"])),
    ]
    known = [f"{name}: {value}" for name, value in facts if value not in ("", NOT_STATED)]
    tested = [
        f"We asked {_CHECKED[piece['test']]}. " + (_STANDS_OUT if piece["test"] in _DANGERS else _ANSWER)[piece["pass"]]
        for piece in predicate["evidence"]
        if piece["test"] in _CHECKED
    ]
    nothing = predicate["verdict"] == "NOT_APPLICABLE"
    scope = predicate["scope"]
    places = [f"{words}: {_state(scope[place])}." for place, words in _PLACES.items() if scope[place] != NOT_STATED]
    unsaid = [words for place, words in _PLACES.items() if scope[place] == NOT_STATED]
    if not places:
        places = ["This letter is about the program alone. Please ask us about the recordings and other copies."]
    elif unsaid:
        places.append(f"Not told in this letter, so please ask us: {'; '.join(word.lower() for word in unsaid)}.")
    who = details.controller or "Us, at the address you wrote to"
    contact = [f"{who}{': ' + details.contact if details.contact else ''}."]
    authority = details.authority or "the authority for data protection"
    contact.append(f"If you are not content with this answer, you can complain to {authority}.")
    asked = "You asked us to remove what a computer program, which listens for feelings in a voice, learned from "
    asked += "your recordings." if request["scope"] == "speaker" else "certain recordings of you."
    return {
        "head": known,
        "title": "What we did about your request",
        "sections": [
            ("What you asked", [asked], []),
            ("What we did", list(_OUTCOME[predicate["verdict"]]), []),
            ("What we checked", [], ["Whether the program had learned from your recordings."] if nothing else tested),
            ("What happened to everything else", [], places),
            ("What we cannot promise", [], list(_NO_PROMISE_FOR_NOTHING if nothing else _NO_PROMISE)),
            ("Whom to ask", contact, []),
        ],
    }


def _day(value: str) -> str:
    """A day as people write it."""
    if value == NOT_STATED:
        return value
    day = date.fromisoformat(value)
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _state(value: str) -> str:
    """A state of the scope map in plain words, with the controller's reason."""
    state, _, reason = value.partition(":")
    return _STATES[state] + (f" ({reason.strip()})" if reason else "")
