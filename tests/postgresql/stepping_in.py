"""What a coordinator does to the transfer of a scene, and what others do at the same time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import insert, select

from engine.activities.steps import Steps
from engine.desk.desk import Desk
from engine.errors import EngineError
from engine.messages.transfer import Cancel, Extend, Impose, Reassign, StepInput
from engine.records.database import Database
from engine.records.tables.base import TextKind
from engine.records.tables.people import MemberRole
from engine.records.tables.transfers import FreeText
from engine.states.choices import Role
from tests import build
from tests.postgresql.scenes import COMMANDS, LONG_AGO, Play, Scene, scene, told


def stepping_scene(database: Database) -> Scene:
    """Set the scene, with a coordinator who also practises and whose reason is written already."""
    made = scene(database)
    coordinator = made.world.coordinator
    with database.write() as session:
        session.execute(insert(MemberRole).values(member_id=coordinator, role=Role.PRACTITIONER))
        build.text(session, coordinator, TextKind.REASON, "en congé")
    return made


def _command(database: Database, of: Scene) -> dict[str, Any]:
    with database.read() as session:
        written = select(FreeText.id).where(FreeText.author_id == of.world.coordinator)
        reason_id = session.scalars(written).one()
    return {
        "transfer_id": of.transfer,
        "command_id": uuid4(),
        "actor_id": of.world.coordinator,
        "reason_id": reason_id,
    }


def _reassign(database: Database, of: Scene, _which: str) -> str:
    # Raw data are to move, and the colleague may hold them.
    command = Reassign(**_command(database, of), to_id=of.colleague)
    return told(Steps(database).reassign(StepInput(what=command, at=LONG_AGO)))


def _impose(database: Database, of: Scene, _which: str) -> str:
    return told(Steps(database).impose(StepInput(what=Impose(**_command(database, of)), at=LONG_AGO)))


def _extend(database: Database, of: Scene, _which: str) -> str:
    command = Extend(**_command(database, of), respond_by=datetime.now(UTC) + timedelta(days=40))
    return told(Steps(database).extend(StepInput(what=command, at=LONG_AGO)))


def _cancel(database: Database, of: Scene, _which: str) -> str:
    return told(Steps(database).cancel(StepInput(what=Cancel(**_command(database, of)), at=LONG_AGO)))


def _at_the_desk(do: Callable[[Desk, Scene], object]) -> Play:
    def play(database: Database, of: Scene, _which: str) -> str:
        try:
            do(Desk(database), of)
        except EngineError as denial:
            return denial.key
        return "done"

    return play


STEPPING_IN: Final[dict[str, Play]] = {
    "reassign": _reassign,
    "impose": _impose,
    "extend": _extend,
    "cancel": _cancel,
}
#: What each of them meets.
MEETS: Final[dict[str, Play]] = {
    **{name: COMMANDS[name] for name in ("accept", "refuse", "deactivate", "restrict")},
    "revoke": _at_the_desk(
        lambda desk, of: desk.revoke(of.world.administrator, of.world.coordinator, Role.COORDINATOR)
    ),
    "deactivate the next one": _at_the_desk(
        lambda desk, of: desk.deactivate(of.world.administrator, of.colleague)
    ),
}
