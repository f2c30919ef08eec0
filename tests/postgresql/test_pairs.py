"""
Two commands at the same time, in two sessions: what comes out is what one after the other would have made.

The first stops between its checks and its first write, with what it holds; the second then runs until it is
done or waits. The result must be that of one of the two orders, and the independent checker must agree.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import event, text

from engine.desk.desk import Desk
from engine.errors import Denied, EngineError
from engine.records.database import Database
from engine.states.choices import Role
from tests.checker.checking import check
from tests.postgresql.places import Place
from tests.postgresql.scenes import COMMANDS, ON_FROZEN, Play, Scene, scene
from tests.postgresql.server import Server

pytestmark = pytest.mark.postgresql

_DECIDED: Final = ("accept", "refuse", "expire")
ON_FROZEN_NAMED: Final = {f"{name} what is asked for": play for name, play in ON_FROZEN.items()}
PLAYS: Final = COMMANDS | ON_FROZEN_NAMED
PAIRS: Final = [
    *((first, second) for first in COMMANDS for second in COMMANDS),
    *((first, second) for first in _DECIDED for second in ON_FROZEN_NAMED),
    *((first, second) for first in ON_FROZEN_NAMED for second in _DECIDED),
]
_LONGEST: Final = 30.0
_WAITS: Final = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"


class Pause:
    """Stops a session between its checks and its first write, once."""

    def __init__(self, database: Database) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        event.listen(database.engine, "before_cursor_execute", self._before)

    def _before(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")) and not self.reached.is_set():
            self.reached.set()
            assert self.go_on.wait(_LONGEST)


class Session(threading.Thread):
    """Somebody at work, on connections of their own."""

    def __init__(self, place: Place, play: Callable[[Database], str]) -> None:
        super().__init__(daemon=True)
        self.database = place.open()
        self._play = play
        self.answer = "nothing"

    def run(self) -> None:
        try:
            self.answer = self._play(self.database)
        except Exception as error:  # noqa: BLE001 - compared with what a lone session answers
            self.answer = repr(error)
        finally:
            self.database.close()


def together(
    server: Server, place: Place, first: Callable[[Database], str], second: Callable[[Database], str]
) -> tuple[str, str]:
    """Run two sessions at the same time; give both answers."""
    one, other = Session(place, first), Session(place, second)
    pause = Pause(one.database)
    one.start()
    _until(lambda: pause.reached.is_set() or not one.is_alive())
    other.start()
    with server.connect("postgres") as watching:
        _until(
            lambda: not other.is_alive() or bool(watching.execute(_WAITS, (place.name,)).fetchall()),
        )
    pause.go_on.set()
    for session in (one, other):
        session.join(_LONGEST)
        assert not session.is_alive()
    return one.answer, other.answer


def _until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Outcome(NamedTuple):
    """What two commands were told, and what they left."""

    first: str
    second: str
    left: dict[str, list[tuple[Any, ...]]]


_LEFT: Final = {
    "transfers": "SELECT r.number = :free, t.state, t.version, t.stuck_cause FROM transfers t"
    " JOIN records r ON r.id = t.record_id WHERE t.organization_id = :organization",
    "records": "SELECT number = :free, legal_hold FROM records WHERE organization_id = :organization",
    "holdings": "SELECT r.number = :free, h.state, m.id = :new_owner FROM holdings h"
    " JOIN records r ON r.id = h.record_id JOIN members m ON m.id = h.owner_id"
    " WHERE h.organization_id = :organization",
    "notes": "SELECT r.number = :free, h.state, n.state,"
    " CASE WHEN CAST(c.body AS TEXT) LIKE 'dit par %' THEN CAST(c.body AS TEXT) END"
    " FROM notes n JOIN holdings h ON h.id = n.holding_id JOIN records r ON r.id = h.record_id"
    " JOIN content c ON c.sha256 = n.sha256 AND c.organization_id = n.organization_id"
    " WHERE n.organization_id = :organization",
    "shares": "SELECT r.number = :free, s.ended_at IS NULL, s.level FROM shares s"
    " JOIN records r ON r.id = s.record_id WHERE r.organization_id = :organization",
    "members": "SELECT active, title FROM members WHERE organization_id = :organization",
    "restrictions": "SELECT 1 FROM restrictions WHERE client_id = :client",
    "manifest": "SELECT m.item_class, m.outcome FROM manifest m JOIN transfers t ON t.id = m.transfer_id"
    " WHERE t.organization_id = :organization",
    "tombstones": "SELECT r.number = :free, s.item_class, s.count, s.rule FROM tombstones s"
    " JOIN holdings h ON h.id = s.holding_id JOIN records r ON r.id = h.record_id"
    " WHERE s.organization_id = :organization",
    "rejoined": "SELECT r.number = :free, j.item_class, h.state FROM rejoined j"
    " JOIN holdings h ON h.id = j.holding_id JOIN records r ON r.id = h.record_id"
    " WHERE h.organization_id = :organization",
    "digests": "SELECT m.item_class, m.sha256 IS NULL FROM manifest m"
    " JOIN transfers t ON t.id = m.transfer_id WHERE t.organization_id = :organization",
    "content": "SELECT count(*) FROM content WHERE organization_id = :organization",
    "events": "SELECT action, outcome, rule, side, state_from, state_to FROM events"
    " WHERE organization_id = :organization",
    "outbox": "SELECT kind, recipient_id = :new_owner FROM outbox WHERE organization_id = :organization",
}


def left(file: Path, of: Scene) -> dict[str, list[tuple[Any, ...]]]:
    """Read what two commands could have changed of an organization, without ids and instants."""
    with closing(sqlite3.connect(file)) as db:
        ((number,),) = db.execute("SELECT number FROM records WHERE id = ?", (str(of.free.record_id),))
        given = {
            "free": number,
            "organization": str(of.world.organization),
            "new_owner": str(of.world.new_owner),
            "client": str(of.world.client),
        }
        return {name: sorted(db.execute(query, given), key=repr) for name, query in _LEFT.items()}


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda name: str(name).replace(" ", "-"))
def test_at_once_is_as_one_after_the_other(
    postgresql: Server, on_server: Place, database: Database, first: str, second: str
) -> None:
    """ROLE-5, ELIG-1 to ELIG-5, MOVE-2, 3, 6, 10, 11, VIS-4, VIS-5, OVR-3: no order shows that is none."""
    # MOVE-6, MOVE-10, MOVE-11: destruction takes what a hold keeps or a hand-over brings back, or does not.
    hurried = "expire" in {first, second}
    scenes = [scene(database, hurried=hurried) for _ in range(3)]
    one, other = PLAYS[first], PLAYS[second]

    answers = [
        (one(database, scenes[0], "first"), other(database, scenes[0], "second")),
        (other(database, scenes[1], "second"), one(database, scenes[1], "first"))[::-1],
        together(postgresql, on_server, _bound(one, scenes[2], "first"), _bound(other, scenes[2], "second")),
    ]

    file = on_server.file()
    in_order, reversed_, at_once = (
        Outcome(*answer, left(file, of)) for answer, of in zip(answers, scenes, strict=True)
    )
    assert at_once in (in_order, reversed_)
    assert check(file) == []


def _bound(play: Play, of: Scene, which: str) -> Callable[[Database], str]:
    return lambda database: play(database, of, which)


def test_two_administrators_who_remove_each_other_leave_one(
    postgresql: Server, on_server: Place, database: Database
) -> None:
    """ROLE-1: at least one active administrator remains, at all times."""
    of = scene(database)
    desk = Desk(database)
    second = desk.add_member(
        of.world.administrator,
        email="second@clinique.example",
        first_name="Andrée",
        last_name="Côté",
        title="",
        language="fr",
        roles=[Role.ADMINISTRATOR],
    ).id

    def removes(who: UUID, whom: UUID) -> Callable[[Database], str]:
        def play(own: Database) -> str:
            try:
                Desk(own).deactivate(who, whom)
            except EngineError as denial:
                return denial.key
            return "done"

        return play

    first = of.world.administrator
    answers = together(postgresql, on_server, removes(first, second), removes(second, first))

    # Who was removed first is nobody any more, and cannot remove anybody.
    assert sorted(answers) == ["VIS-11/member", "done"]
    assert check(on_server.file()) == []


def test_two_records_opened_at_once_have_two_numbers(
    postgresql: Server, on_server: Place, database: Database
) -> None:
    """MOVE-13: a number is unique, and nobody is told of a collision that they could not have known."""
    of = scene(database)

    def opens(own: Database) -> str:
        return Desk(own).add_record(of.world.owner, title="Suivi", client="Quelqu'un").number

    first, second = together(postgresql, on_server, opens, opens)

    assert first != second
    assert check(on_server.file()) == []


def test_command_whose_commit_got_no_answer_is_done_once(
    postgresql: Server, database: Database, name: str
) -> None:
    """MOVE-3: the log tells whether it was made; the answer is the one that was lost."""
    of = scene(database)
    with _answer_lost(database):
        note_id = Desk(database).add_note(of.world.owner, of.free.record_id, "Une seule fois")

    with postgresql.connect(name) as outside:
        found = outside.execute(
            "SELECT item_id FROM notes JOIN content USING (organization_id, sha256) WHERE body = %s",
            (b"Une seule fois",),
        ).fetchall()
        lines = outside.execute("SELECT outcome FROM events WHERE action = 'note.add'").fetchall()
    assert (found, lines) == ([(note_id,)], [("allowed",)])


@contextmanager
def _answer_lost(database: Database) -> Iterator[None]:
    """Let the first commit reach the server, and its answer nobody."""
    lost: list[object] = []

    def commit(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's adaptation
        if lost or not connection.get_execution_options().get("passation_write"):
            return
        lost.append(connection)
        raw = connection.connection.driver_connection
        raw.execute("COMMIT")
        raw.close()

    event.listen(database.engine, "commit", commit)
    yield
    event.remove(database.engine, "commit", commit)
    assert lost


def test_denial_is_the_rule_not_the_race(postgresql: Server, on_server: Place, database: Database) -> None:
    """ELIG-1, OVR-3: of two who ask for the same record at once, the second is told why not."""
    of = scene(database)
    answers = together(
        postgresql,
        on_server,
        _bound(COMMANDS["hand over"], of, "first"),
        _bound(COMMANDS["hand over"], of, "second"),
    )

    assert answers == ("done", Denied("ELIG-1", "open_transfer").key)
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM events WHERE rule = 'ELIG-1/open_transfer'")) == 1
