"""A practitioner's pages: what they show to whom, what they ask first, what cannot break them."""

import re
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from engine.states.choices import Role
from tests import build
from tests.integration.console.conftest import Browser, Console, Form
from tests.integration.handover.clinic import EVERYTHING, FullRecord

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}%(x)s"


@pytest.fixture
def owner(at: Console) -> Browser:
    return at.browser(at.clinic.world.owner)


@pytest.fixture
def new_owner(at: Console) -> Browser:
    return at.browser(at.clinic.world.new_owner)


@pytest.fixture
def full(at: Console) -> FullRecord:
    return at.clinic.full_record()


def choice(at: Console, **more: str) -> dict[str, str]:
    return {"to": str(at.clinic.world.new_owner), "purpose": "continuity", "keep_copy": "on", **more}


async def test_a_record_is_shown_to_its_owner_and_exists_for_nobody_else(
    at: Console, owner: Browser, new_owner: Browser
) -> None:
    """VIS-11: word for word as for a record that does not exist."""
    record = at.clinic.world.record
    assert (await owner.get(f"/records/{record}")).status_code == 200
    foreign = await new_owner.get(f"/records/{record}")
    nothing = await new_owner.get(f"/records/{uuid4()}")
    nonsense = await new_owner.get("/records/x")
    assert foreign.status_code == nothing.status_code == nonsense.status_code == 404
    assert foreign.text == nothing.text == nonsense.text
    for path in (f"/records/{record}/transfer", f"/records/{record}/items/{uuid4()}"):
        assert (await new_owner.get(path)).status_code == 404


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.ADMINISTRATOR])
async def test_who_coordinates_or_administers_reads_no_record(at: Console, role: Role) -> None:
    """VIS-1."""
    world = at.clinic.world
    member = world.coordinator if role is Role.COORDINATOR else world.administrator
    answer = await at.browser(member).get(f"/records/{world.record}")
    assert answer.status_code in {403, 404}
    assert 'class="facts"' not in answer.text


async def test_titles_of_pages_have_no_content(at: Console, owner: Browser, full: FullRecord) -> None:
    transfer_id = at.clinic.ask(record_id=full.record)
    for path in (f"/records/{full.record}", f"/transfers/{transfer_id}", "/records", "/transfers"):
        answer = await owner.get(path)
        title = re.search(r"<title>(.*?)</title>", answer.text)
        assert title
        assert not re.search(r"\d", title[1]), title[1]
        assert "Camille" not in title[1]


async def test_what_would_happen_is_said_before_anything_is_asked(
    at: Console, owner: Browser, full: FullRecord
) -> None:
    """What is moved, kept, cancelled and deleted, each with its number and its meaning."""
    path = f"/records/{full.record}/transfer"
    form = await owner.get(path)
    assert form.status_code == 200
    boxes = Form(form.text).forms[-1]
    assert "keep_copy" in boxes
    assert "include_confidential" not in boxes, "MOVE-1: the cautious side"
    shown = await owner.post(path, **choice(at))
    assert shown.status_code == 200
    for outcome in ("moved", "kept", "cancelled", "deleted"):
        assert f'class="outcome {outcome}"' in shown.text
    assert "Une copie archivée en lecture seule" in shown.text
    without = await owner.post(path, **{k: v for k, v in choice(at).items() if k != "keep_copy"})
    assert 'class="outcome withheld"' in without.text
    assert "ne lit plus rien du dossier" in without.text
    assert at.clinic.rows("SELECT id FROM transfers") == []


async def test_a_rule_is_said_where_one_chooses_and_what_was_typed_stays(
    at: Console, owner: Browser, full: FullRecord
) -> None:
    with at.clinic.database.write() as session:
        nurse = build.member(session, at.clinic.world.organization, title="Infirmière")
    answer = await owner.post(
        f"/records/{full.record}/transfer",
        **choice(at, to=str(nurse), raw_data="on", message="Bonne suite & merci"),
    )
    assert answer.status_code == 403
    assert "ne permet pas les données brutes" in answer.text
    assert "Bonne suite &amp; merci" in answer.text
    assert "raw_data" in Form(answer.text).forms[-1]


@pytest.mark.parametrize(
    ("missing", "status"), [("to", 422), ("purpose", 422)], ids=["nobody chosen", "no purpose"]
)
async def test_what_is_missing_is_asked_for(
    at: Console, owner: Browser, full: FullRecord, missing: str, status: int
) -> None:
    answer = await owner.post(f"/records/{full.record}/transfer", **choice(at, **{missing: ""}))
    assert answer.status_code == status
    assert 'role="alert"' in answer.text


async def test_who_is_asked_sees_counts_and_no_content(
    at: Console, new_owner: Browser, full: FullRecord
) -> None:
    """VIS-3."""
    transfer_id = at.clinic.ask(record_id=full.record)
    answer = await new_owner.get(f"/transfers/{transfer_id}")
    assert answer.status_code == 200
    assert f'action="/transfers/{transfer_id}/accept"' in answer.text
    assert f'action="/transfers/{transfer_id}/cancel"' not in answer.text
    (title,) = at.clinic.rows("SELECT title FROM holdings WHERE id = :id", id=plain_id(at, full.holding))[0]
    (client,) = at.clinic.rows("SELECT name FROM clients LIMIT 1")[0]
    assert title not in answer.text
    assert client not in answer.text
    assert (await new_owner.get(f"/records/{full.record}")).status_code == 403
    assert str(transfer_id) in (await new_owner.get("/transfers")).text
    assert "1 chose vous attend" in (await new_owner.get("/")).text


def plain_id(at: Console, found: UUID) -> str:
    (row,) = [each for (each,) in at.clinic.rows("SELECT id FROM holdings") if UUID(str(each)) == found]
    return str(row)


async def test_an_owner_may_take_a_request_back_or_narrow_it(
    at: Console, owner: Browser, full: FullRecord
) -> None:
    transfer_id = at.clinic.ask(record_id=full.record, options=EVERYTHING)
    answer = await owner.get(f"/transfers/{transfer_id}")
    actions = {form[""] for form in Form(answer.text).forms}
    assert {f"/transfers/{transfer_id}/cancel", f"/transfers/{transfer_id}/narrow"} <= actions
    assert f"/transfers/{transfer_id}/accept" not in actions
    assert "En transfert" in (await owner.get("/records")).text


async def test_what_was_handed_over_stays_as_a_copy_and_has_a_receipt(
    at: Console, owner: Browser, new_owner: Browser, full: FullRecord
) -> None:
    transfer_id = at.clinic.ask(record_id=full.record)
    assert at.clinic.accept(transfer_id).state == "accepted"
    listed = (await owner.get("/records")).text
    assert "Copies archivées" in listed
    copy = await owner.get(f"/records/{full.record}")
    assert "Ceci est une copie archivée" in copy.text
    assert (await new_owner.get(f"/records/{full.record}")).status_code == 200
    shown = (await owner.get(f"/transfers/{transfer_id}")).text
    assert f'href="/transfers/{transfer_id}/receipt"' in shown


async def test_nobody_else_knows_of_a_transfer(at: Console, full: FullRecord) -> None:
    transfer_id = at.clinic.ask(record_id=full.record)
    with at.clinic.database.write() as session:
        other = build.member(session, at.clinic.world.organization)
        abroad = build.member(session, build.organization(session))
    for member in (other, abroad):
        answer = await at.browser(member).get(f"/transfers/{transfer_id}")
        assert answer.status_code == 404


async def test_what_people_write_is_shown_and_never_run(
    at: Console, owner: Browser, full: FullRecord
) -> None:
    """Injection in every text that a page shows: titles, names, clients, labels, texts, reasons."""
    with at.clinic.database.write() as session:
        session.execute(text("UPDATE holdings SET title = :t WHERE until_at IS NULL"), {"t": HOSTILE})
        session.execute(text("UPDATE clients SET name = :t"), {"t": HOSTILE})
        session.execute(text("UPDATE members SET first_name = :t, title = :t"), {"t": HOSTILE})
    record = at.desk.add_record(at.clinic.world.owner, title=HOSTILE, client=HOSTILE).id
    at.desk.add_note(at.clinic.world.owner, record, HOSTILE)
    transfer_id = at.clinic.ask(record_id=full.record)
    paths = ["/", "/records", f"/records/{record}", f"/records/{record}/transfer", "/transfers", "/needs-you"]
    answers = [await owner.get(path) for path in [*paths, f"/transfers/{transfer_id}"]]
    answers.append(await owner.post(f"/records/{record}/transfer", **choice(at, message=HOSTILE)))
    answers.append(await owner.post(f"/records/{record}/transfer", **choice(at, message=HOSTILE, change="y")))
    for answer in answers:
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "<img" not in answer.text
        assert ">49" not in answer.text
    assert "&lt;script&gt;alert(1)" in answers[2].text


@pytest.mark.parametrize("member", ["owner", "administrator"])
async def test_preferences_are_kept(at: Console, member: str) -> None:
    browser = at.browser(getattr(at.clinic.world, member))
    answer = await browser.post("/preferences/language", language="en")
    assert answer.headers["location"] == "/preferences"
    shown = (await browser.get("/preferences")).text
    assert 'lang="en"' in shown
    assert "Passation speaks English to you now." in shown
    assert "speaks English to you" not in (await browser.get("/preferences")).text, "said once"
    await browser.post("/preferences/notices", notices="daily")
    assert Form((await browser.get("/preferences")).text).forms[-1]["notices"] == "daily"
    assert (await browser.post("/preferences/language", language="xx")).status_code == 422


async def test_a_practitioner_says_that_they_take_no_new_records(
    at: Console, owner: Browser, new_owner: Browser
) -> None:
    """ELIG-3."""
    await new_owner.post("/preferences/accepts", accepts="no")
    form = (await owner.get(f"/records/{at.clinic.world.record}/transfer")).text
    assert re.search(rf'value="{at.clinic.world.new_owner}" disabled', form)
    answer = await at.browser(at.clinic.world.administrator).post("/preferences/accepts", accepts="no")
    assert answer.status_code == 403


async def test_every_form_carries_the_token_and_what_commands_carries_a_key(
    at: Console, owner: Browser, new_owner: Browser, full: FullRecord
) -> None:
    """MOVE-3."""
    transfer_id = at.clinic.ask(record_id=full.record, options=EVERYTHING)
    for browser in (owner, new_owner):
        for form in Form((await browser.get(f"/transfers/{transfer_id}")).text).forms:
            assert form["csrf"]
            if form[""] != "/sign-out":
                assert form["key"]
                assert form["version"]
