"""A sender's turn against a real mail server: each message once, whatever that server does (NOTE-3)."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from engine.activities.notices import Mailing, Sending
from engine.desk.desk import Desk
from engine.errors import Denied, NotFound
from engine.mailserver import MailServer
from engine.notices import calls, deliveries
from engine.notices.post import ServerPost
from tests import build
from tests.integration.handover.clinic import UPCOMING, Clinic
from tests.integration.notices.server import MailServerOfTests

CANARY = "canari-4711"


def sending(clinic: Clinic, server: MailServerOfTests, *, timeout: float = 5) -> Sending:
    post = ServerPost(MailServer.of_url(server.url), timeout=timeout)
    mailing = Mailing(post=post, sender="passation@clinique.example", rate=None)
    return Sending(clinic.database, mailing)


def turn(clinic: Clinic, server: MailServerOfTests, **more: float) -> tuple[int, int, int]:
    done = asyncio.run(sending(clinic, server, **more).turn(0))
    return done.sent, done.later, done.failed


def requests(clinic: Clinic, count: int) -> None:
    for _ in range(count):
        with clinic.database.write() as session:
            record = build.record(session, clinic.world.owner, [clinic.world.client]).record_id
        clinic.ask(record_id=record)


def states(clinic: Clinic) -> Counter[str]:
    return Counter(row[0] for row in clinic.rows("SELECT state FROM deliveries"))


def hurry(clinic: Clinic) -> None:
    """Let the pauses between attempts pass."""
    clinic.change("UPDATE deliveries SET due_at = created_at WHERE state = 'waiting'")


@pytest.fixture(autouse=True)
def _no_secret_in_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    assert CANARY not in caplog.text
    assert "@courriel.example" not in caplog.text


def test_everything_that_is_due_is_sent_once(clinic: Clinic, server: MailServerOfTests) -> None:
    requests(clinic, 60)

    assert turn(clinic, server) == (60, 0, 0)
    assert turn(clinic, server) == (0, 0, 0)
    assert set(server.by_id.values()) == {1}
    assert (len(server.by_id), server.connections) == (60, 1)


def test_a_message_that_is_refused_stops_no_other(
    clinic: Clinic, server: MailServerOfTests, desk: Desk
) -> None:
    clinic.accept(clinic.ask(record_id=clinic.full_record().record))
    requests(clinic, 3)
    client = clinic.rows("SELECT email FROM clients")[0][0]
    server.at_recipient = lambda address: "550 no such user" if address == client else "250 ok"

    # Owner and client of the hand-over, who was asked, and who is asked three times.
    assert turn(clinic, server) == (5, 0, 1)
    assert states(clinic) == {"sent": 5, "failed": 1}
    (trouble,) = desk.mail_troubles(_coordinator(clinic))
    assert (trouble.member, trouble.trouble, trouble.smtp_code, trouble.next_at) == (
        None,
        "refused",
        550,
        None,
    )


def test_greylisted_comes_back(clinic: Clinic, server: MailServerOfTests) -> None:
    requests(clinic, 1)
    server.at_recipient = lambda _: "451 come back"
    assert turn(clinic, server) == (0, 1, 0)
    assert turn(clinic, server) == (0, 0, 0)

    server.at_recipient = lambda _: "250 ok"
    hurry(clinic)
    assert turn(clinic, server) == (1, 0, 0)
    assert set(server.by_id.values()) == {1}


@pytest.mark.parametrize("said", ["hang up", "hang"])
def test_server_that_drops_or_hangs_holds_the_others_back_untouched(
    clinic: Clinic, server: MailServerOfTests, said: str
) -> None:
    requests(clinic, 4)
    server.answer = lambda _: said
    assert turn(clinic, server, timeout=0.3) == (0, 1, 0)
    attempts = sorted(row[0] for row in clinic.rows("SELECT attempts FROM deliveries"))
    assert attempts == [0, 0, 0, 1]

    server.answer = lambda _: "250 taken"
    hurry(clinic)
    assert turn(clinic, server) == (4, 0, 0)
    assert set(server.by_id.values()) == {1}


def test_server_that_is_away_delays_messages_and_no_transfer(clinic: Clinic) -> None:
    """NOTE-3."""
    with MailServerOfTests() as gone:
        pass
    transfer = clinic.ask()
    assert turn(clinic, gone) == (0, 1, 0)

    assert clinic.accept(transfer).state == "accepted"
    hurry(clinic)
    with MailServerOfTests() as back:
        sent, later, failed = turn(clinic, back)
    assert (later, failed) == (0, 0)
    assert sent == len(clinic.rows("SELECT id FROM deliveries")) == len(back.taken)


def test_a_message_that_cannot_be_written_stops_no_other(clinic: Clinic, server: MailServerOfTests) -> None:
    requests(clinic, 2)
    clinic.accept(clinic.ask(record_id=clinic.full_record().record))
    clinic.change("UPDATE clients SET language = 'xx'")

    sent, later, failed = turn(clinic, server)

    assert (later, failed) == (1, 0)
    assert sent == len(clinic.rows("SELECT id FROM deliveries")) - 1


def test_worker_that_stops_settles_what_is_under_way(clinic: Clinic, server: MailServerOfTests) -> None:
    """A repeat is possible only if the process dies between the server's answer and the commit."""

    async def scene() -> None:
        task = asyncio.create_task(sending(clinic, server).turn(60))
        while len(server.taken) < 3:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    requests(clinic, 30)
    asyncio.run(scene())
    assert states(clinic)["sent"] == len(server.taken)
    assert clinic.rows("SELECT id FROM deliveries WHERE claimed_until IS NOT NULL") == []

    turn(clinic, server)
    assert (len(server.by_id), set(server.by_id.values())) == (30, {1})


def test_what_a_dead_sender_had_in_hand_is_sent_by_the_next(
    clinic: Clinic, server: MailServerOfTests
) -> None:
    requests(clinic, 3)
    with clinic.database.write() as session:
        now = datetime.now(UTC)
        deliveries.plan(session, now)
        assert len(deliveries.claim(session, now, limit=2)) == 2

    assert turn(clinic, server) == (3, 0, 0)
    assert set(server.by_id.values()) == {1}


def test_sender_that_only_seemed_dead_sends_nothing_that_is_another_ones(
    clinic: Clinic, server: MailServerOfTests
) -> None:
    async def scene() -> None:
        slow = asyncio.create_task(sending(clinic, server).turn(0))
        while not server.taken:
            await asyncio.sleep(0.001)
        await sending(clinic, server).turn(0)
        await slow

    requests(clinic, 40)
    asyncio.run(scene())

    assert len(server.by_id) == 40
    # But for the one message that was on its way when the other began.
    assert sum(server.by_id.values()) - 40 <= 1


class TestCalls:
    def cancelled(self, clinic: Clinic, *, email: str | None = None) -> None:
        address = "NULL" if email is None else f"'{email}'"
        clinic.change(f"UPDATE clients SET email = {address}")
        clinic.accept(clinic.ask(record_id=clinic.full_record().record))

    def test_client_without_an_address_is_to_be_called(self, clinic: Clinic, desk: Desk) -> None:
        """NOTE-2: by the new owner, or by a coordinator."""
        self.cancelled(clinic)

        for who in (clinic.world.new_owner, _coordinator(clinic)):
            (call,) = desk.calls(who)
            assert (call.why, call.starts_at) == ("no_address", UPCOMING)
        assert desk.calls(clinic.world.owner) == []

    def test_called_is_called_once(self, clinic: Clinic, desk: Desk) -> None:
        self.cancelled(clinic)
        (call,) = desk.calls(clinic.world.new_owner)
        assert call.id is not None
        desk.called(clinic.world.new_owner, call.id)

        assert desk.calls(_coordinator(clinic)) == []
        with pytest.raises(NotFound):
            desk.called(_coordinator(clinic), call.id)

    def test_message_that_could_not_be_delivered_is_a_call(
        self, clinic: Clinic, desk: Desk, server: MailServerOfTests
    ) -> None:
        self.cancelled(clinic, email="camille@courriel.example")
        assert desk.calls(clinic.world.new_owner) == []
        server.at_recipient = lambda address: "550 no" if address.startswith("camille") else "250 ok"
        turn(clinic, server)

        assert [call.why for call in desk.calls(clinic.world.new_owner)] == ["undelivered"]

    def test_client_of_a_confidential_record_is_named_to_its_owner_alone(
        self, clinic: Clinic, desk: Desk
    ) -> None:
        """VIS-2: a client's name would tell what the title hides."""
        clinic.change("UPDATE clients SET email = NULL")
        clinic.accept(clinic.ask(record_id=clinic.full_record(confidential=True).record))

        assert len(desk.calls(clinic.world.new_owner)) == 1
        assert desk.calls(_coordinator(clinic)) == []

    def test_nobody_else_sees_what_was_not_delivered(self, clinic: Clinic, desk: Desk) -> None:
        with pytest.raises(Denied) as denied:
            desk.mail_troubles(clinic.world.owner)

        assert denied.value.key == "NOTE-3/troubles"

    def test_appointment_that_has_been_is_no_call(self, clinic: Clinic, desk: Desk) -> None:
        self.cancelled(clinic)
        listed = {}
        for now in (UPCOMING - timedelta(seconds=1), UPCOMING):
            with clinic.database.read() as session:
                listed[now] = calls.to_call(session, clinic.member(clinic.world.new_owner), now)

        assert [len(found) for found in listed.values()] == [1, 0]


def _coordinator(clinic: Clinic) -> UUID:
    return clinic.world.coordinator
