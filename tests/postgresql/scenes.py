"""What two people do at the same time: every command that changes what another one depends on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import update
from sqlalchemy.orm import Session

from engine.activities.steps import Steps
from engine.desk.desk import Desk
from engine.errors import EngineError
from engine.messages.transfer import Accept, Refuse, StepInput, StepResult, TransferRequest, Wake
from engine.records.database import Database
from engine.records.tables import NoteState, Policy, TextKind
from engine.states.choices import Options, Purpose, RawDataChoice, ShareLevel
from tests import build
from tests.build import BuiltRecord, World

#: Older than any clock: a step then takes the clock's instant.
_LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
_OPTIONS: Final = Options(include_confidential=True, raw_data=RawDataChoice.INCLUDE, keep_copy=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """
    An organization with two records of one client and one owner: one is asked for, the other is free.

    The new owner of both is the same; ``keep_copy`` is off and raw data are to move, so that a legal hold, a
    title or a restriction each change what an acceptance does.
    """

    world: World
    colleague: UUID
    free: BuiltRecord
    transfer: UUID
    #: A draft of each record, for those who edit and sign.
    drafts: dict[UUID, UUID]
    #: Written before anything begins.
    reason: UUID


def scene(database: Database, *, hurried: bool = False) -> Scene:
    """Set the scene; ``hurried``: the deadline has passed when this returns."""
    with database.write() as session:
        world = build.world(session)
        if hurried:
            _answer_within_a_second(session, world)
        free = build.record(session, world.owner, [world.client])
        drafts = {}
        for record_id, holding in ((world.record, world.holding), free):
            drafts[record_id] = build.note(session, holding, state=NoteState.DRAFT)
            build.note(session, holding)
            build.note(session, holding, confidential=True)
            build.raw_datum(session, holding)
            build.task(session, holding)
        colleague = build.member(session, world.organization)
        reason = build.text(session, world.new_owner, TextKind.REASON, "pas de place")
    made = Scene(world=world, colleague=colleague, free=free, transfer=uuid4(), drafts=drafts, reason=reason)
    assert told(Steps(database).open(_request(made, world.record, made.transfer))) == "done"
    if hurried:
        time.sleep(1.1)
    return made


def _answer_within_a_second(session: Session, world: World) -> None:
    session.execute(
        update(Policy).where(Policy.organization_id == world.organization).values(answer_within=1)
    )


def _request(of: Scene, record_id: UUID, transfer_id: UUID) -> StepInput[TransferRequest]:
    request = TransferRequest(
        transfer_id=transfer_id,
        organization_id=of.world.organization,
        record_id=record_id,
        actor_id=of.world.owner,
        to_id=of.world.new_owner,
        purpose=Purpose.CONTINUITY,
        options=_OPTIONS,
    )
    return StepInput(what=request, at=_LONG_AGO)


def told(result: StepResult) -> str:
    """Say how a step was answered."""
    return result.denied or "done"


#: A command in one session: who plays where, and "first" or "second" for what distinguishes two alike.
Play = Callable[[Database, Scene, str], str]


def _command(of: Scene) -> dict[str, Any]:
    return {"transfer_id": of.transfer, "command_id": uuid4(), "actor_id": of.world.new_owner}


def _accept(database: Database, of: Scene, _which: str) -> str:
    return told(Steps(database).accept(StepInput(what=Accept(**_command(of)), at=_LONG_AGO)))


def _refuse(database: Database, of: Scene, _which: str) -> str:
    command = Refuse(**_command(of), reason_id=of.reason)
    return told(Steps(database).refuse(StepInput(what=command, at=_LONG_AGO)))


def _expire(database: Database, of: Scene, _which: str) -> str:
    return told(Steps(database).expire(StepInput(what=Wake(transfer_id=of.transfer), at=_LONG_AGO)))


def _ask(database: Database, of: Scene, _which: str) -> str:
    return told(Steps(database).open(_request(of, of.free.record_id, uuid4())))


def _at_the_desk(do: Callable[[Database, Scene, str], object]) -> Play:
    def play(database: Database, of: Scene, which: str) -> str:
        try:
            do(database, of, which)
        except EngineError as denial:
            return denial.key
        return "done"

    return play


def _on(record: Callable[[Scene], UUID]) -> dict[str, Play]:
    return {
        "edit": _at_the_desk(
            lambda db, of, which: Desk(db).edit_note(
                of.world.owner, record(of), of.drafts[record(of)], f"dit par {which}"
            )
        ),
        "sign": _at_the_desk(
            lambda db, of, _: Desk(db).sign_note(of.world.owner, record(of), of.drafts[record(of)])
        ),
        "share": _at_the_desk(
            lambda db, of, _: Desk(db).share(of.world.owner, record(of), of.colleague, level=ShareLevel.READ)
        ),
        "hold": _at_the_desk(lambda db, of, _: Desk(db).hold(of.world.administrator, record(of), "enquête")),
    }


#: On the record that is asked for.
ON_FROZEN: Final = _on(lambda of: of.world.record)
COMMANDS: Final[dict[str, Play]] = {
    "accept": _accept,
    "refuse": _refuse,
    "expire": _expire,
    "hand over": _ask,
    "deactivate": _at_the_desk(
        lambda db, of, _: Desk(db).deactivate(of.world.administrator, of.world.new_owner)
    ),
    "restrict": _at_the_desk(
        lambda db, of, _: Desk(db).restrict(
            of.world.owner, of.free.record_id, member_id=of.world.new_owner, title=None, basis="demandé"
        )
    ),
    "change title": _at_the_desk(
        lambda db, of, _: Desk(db).set_title(of.world.administrator, of.world.new_owner, "Conseillère")
    ),
    **_on(lambda of: of.free.record_id),
}
