"""What the controller tells: checked, never guessed."""

from datetime import date, datetime

import pytest

from affekt.errors import ConfigError
from affekt.reports.request_details import GROUNDS, RequestDetails, ScopeMap


def test_nothing_is_invented() -> None:
    assert set(RequestDetails().to_json().values()) == {"not stated"}
    assert set(vars(ScopeMap()).values()) == {"not stated"}


def test_what_was_told_is_there() -> None:
    details = RequestDetails(id="7", ground=GROUNDS[0], received=date(2026, 8, 1), completed=date(2026, 8, 1))
    told = details.to_json()
    assert (told["id"], told["ground"], told["received"]) == ("7", "gdpr-art-17-1-a", "2026-08-01")
    assert told["due"] == "not stated"


@pytest.mark.parametrize("value", ["gone", "out of reach", "out of reach: ", "deleted:", "Deleted"])
def test_states_are_a_closed_set(value: str) -> None:
    with pytest.raises(ConfigError, match=r"scope\.backups is"):
        ScopeMap(backups=value)
    assert ScopeMap(backups="out of reach: on tape until 2027").backups.endswith("2027")


def test_bad_details() -> None:
    with pytest.raises(ConfigError, match="ground is 'anger'"):
        RequestDetails(ground="anger")
    with pytest.raises(ConfigError, match="due is 2026-07-31, before the request was received"):
        RequestDetails(received=date(2026, 8, 1), due=date(2026, 7, 31))
    with pytest.raises(ConfigError, match="a day such as 2026-08-01"):
        RequestDetails(received=datetime(2026, 8, 1))


@pytest.mark.parametrize("field", ["id", "residual_risk", "controller", "contact", "identity_check"])
def test_ids_of_people_are_refused(field: str) -> None:
    details = RequestDetails(**{field: "about spk-7, or so"})
    with pytest.raises(ConfigError, match=f"{field} in the request holds the id"):
        details.must_not_say({"spk-7"})
    details.must_not_say({"spk-77", "pk-7", "", " "})
    with pytest.raises(ConfigError, match="backups in the request holds"):
        RequestDetails(scope=ScopeMap(backups="deleted: all of spk-7")).must_not_say({"spk-7"})


def test_a_number_is_an_id_only_where_it_is_said_to_be_one() -> None:
    details = RequestDetails(contact="14 Example Street, by 14 August", id="2026-14")
    details.must_not_say({"14"})
    for text in ("erase speaker 14", "Speakers: 14, 15", "person #14", "spk14 and id=14"):
        with pytest.raises(ConfigError, match="id in the request holds the id"):
            RequestDetails(id=text).must_not_say({"14"})
    with pytest.raises(ConfigError, match="id in the request holds the id"):
        RequestDetails(id="erase 4711").must_not_say({"4711"})
