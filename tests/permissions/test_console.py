"""The table of permissions through the console: the pages of coordinators and administrators, by role."""

from typing import Final
from uuid import UUID

import pytest

from engine.audit.keys import Signer
from engine.catalogue import sentence
from engine.errors import of_key
from tests import build
from tests.integration.console.conftest import Console, at, database
from tests.permissions import table
from tests.permissions.table import COLUMNS, NOT_FOUND, YES, Cell

__all__ = ["at", "database"]

#: What each command is in the console: an address, and what its form sends where it is one.
PAGES: Final[dict[str, tuple[str, dict[str, str] | None]]] = {
    "practitioners": ("/coordination", None),
    "org show": ("/management/organization", None),
    "org key": ("/management/organization/keys.pem", None),
    "org policy show": ("/management/policies", None),
    "org policy set": ("/management/policies/grace-days", {"value": "31"}),
    "org reply-to": ("/management/organization/reply-to", {"address": "a@b.example"}),
    "member list": ("/management/members", None),
    "member add": (
        "/management/members/new",
        {
            "email": "n@b.example",
            "first_name": "N",
            "last_name": "N",
            "language": "fr",
            "roles": "practitioner",
        },
    ),
    "member deactivate": ("/management/members/{colleague}/remove", {}),
    "member deactivate · what is held": ("/management/members/{colleague}/remove", None),
    "member activate": ("/management/members/{gone}/activate", {}),
    "member title": ("/management/members/{colleague}/title", {"title": "Ergothérapeute"}),
    "member grant": ("/management/members/{colleague}/grant/coordinator", {}),
    "member grant-coordinator": ("/management/members/{colleague}/grant/coordinator", {}),
    "member revoke": ("/management/members/{second}/revoke/practitioner", {}),
    "member revoke-coordinator": ("/management/members/{second}/revoke/coordinator", {}),
    "member revoke · what waits": ("/management/members/{second}/revoke/coordinator", None),
    "destruction preview": ("/management/destruction", None),
    "destruction report": ("/management/destruction", None),
}
#: Those that name a colleague.
NAMES_SOMEBODY: Final = frozenset(name for name, (address, _) in PAGES.items() if "{" in address)


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in {"inactive", "elsewhere"}])
@pytest.mark.parametrize("command", PAGES)
async def test_a_page_answers_as_the_table_says(at: Console, command: str, column: str) -> None:
    """ROLE-4: the doors decide nothing, and so each says the same."""
    at.desk.signer = Signer(at.app.state.settings.data / "keys", may_create=True)
    address, form, actor_id = _prepared(at, command, column)
    browser = at.browser(actor_id)
    answer = await (browser.get(address) if form is None else browser.post(address, **form))
    expected = _said(command, column)
    if expected == YES:
        assert answer.status_code in {200, 303}, answer.text
    else:
        assert answer.status_code == of_key(expected).status
        assert sentence(of_key(expected), "fr") in answer.text


@pytest.mark.parametrize("command", PAGES)
async def test_whoever_has_no_access_any_more_is_led_to_where_one_signs_in(at: Console, command: str) -> None:
    address, form, actor_id = _prepared(at, command, "inactive")
    browser = at.browser(actor_id)
    at.desk.deactivate(at.clinic.world.administrator, actor_id)
    answer = await (
        browser.get(address) if form is None else browser.http.post(address, data={"csrf": "x", **form})
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("command", sorted(NAMES_SOMEBODY))
async def test_somebody_of_another_organization_names_nobody(at: Console, command: str) -> None:
    """VIS-8, VIS-11: word for word as for nobody at all."""
    address, form, _ = _prepared(at, command, "elsewhere")
    with at.clinic.database.write() as session:
        elsewhere = build.organization(session)
        stranger = build.member(session, elsewhere, *COLUMNS["elsewhere"])
        build.member(session, elsewhere, *COLUMNS["elsewhere"])
    browser = at.browser(stranger)
    nobody = "/".join([*address.split("/")[:3], str(UUID(int=7)), *address.split("/")[4:]])
    answers = [
        await (browser.get(one) if form is None else browser.post(one, **form)) for one in (address, nobody)
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text == answers[1].text
    assert _said(command, "elsewhere") == NOT_FOUND


def _prepared(at: Console, command: str, column: str) -> tuple[str, dict[str, str] | None, UUID]:
    """Put somebody in a column, and beside them whom the command names."""
    organization_id = at.clinic.world.organization
    with at.clinic.database.write() as session:
        actor_id = build.member(session, organization_id, *sorted(COLUMNS[column]))
        named = {
            "colleague": build.member(session, organization_id),
            "second": build.member(session, organization_id, *sorted(COLUMNS["coordinator, practitioner"])),
            "gone": build.member(session, organization_id, active=False),
        }
    address, form = PAGES[command]
    return address.format(**named), form, actor_id


def _said(command: str, column: str) -> str:
    cell = Cell(command, "nobody", "free", "institutional", column)
    row = table.row_of(cell)
    assert row is not None, cell
    return row.answer(cell)
