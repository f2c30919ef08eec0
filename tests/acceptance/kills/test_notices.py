"""The sender is killed: a message comes twice only if the server's answer had not been written (NOTE-3)."""

from collections.abc import Iterator

import pytest

from engine.activities.killpoints import When
from engine.settings import Settings
from tests.acceptance.kills.clinic import Clinic
from tests.acceptance.kills.running import Stack, Whom, until
from tests.integration.notices.server import MailServerOfTests

pytestmark = pytest.mark.slow

_REQUESTS = 12


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServerOfTests]:
    """A mail server that outlives every sender; the workers read its address in their environment."""
    with MailServerOfTests() as started:
        monkeypatch.setenv("PASSATION_SMTP", started.url)
        yield started


@pytest.fixture
def stack(settings: Settings, server: MailServerOfTests) -> Iterator[Stack]:
    """Server and worker, at work."""
    with Stack(settings) as started:
        yield started


async def test_repeats_are_counted_where_the_sender_dies(
    stack: Stack, clinic: Clinic, server: MailServerOfTests
) -> None:
    """Before it sends, between the server's answer and the commit, after the commit: one after the other."""
    repeats = {}
    for when in When:
        before = server.by_id
        armed = await stack.arm(f"notices:{when}", Whom.WORKER)
        practice = clinic.practice()
        for _ in range(_REQUESTS):
            await clinic.request(practice, clinic.record(practice))
        await armed.strike()
        await until(lambda: _unsent(clinic) == 0, "every message to be sent")
        came = server.by_id - before
        assert len(came) == _REQUESTS
        repeats[when] = came.total() - len(came)

    assert repeats == {When.BEFORE: 0, When.INSIDE: 1, When.AFTER: 0}
    clinic.check()


def _unsent(clinic: Clinic) -> int:
    with clinic.database.read() as session:
        found: int = (
            session.connection()
            .exec_driver_sql("SELECT count(*) FROM outbox WHERE sent_at IS NULL")
            .scalar_one()
        )
    return found
