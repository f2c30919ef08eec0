"""What two people do at the same time: every command that changes what another one depends on."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine.activities.destruction import destroy_holding
from engine.activities.steps import Steps
from engine.desk.desk import Desk
from engine.errors import EngineError
from engine.messages.transfer import Accept, Refuse, StepInput, StepResult, TransferRequest, Wake
from engine.records.database import Database
from engine.records.tables.base import HoldingState, NoteState, TextKind
from engine.records.tables.people import Policy
from engine.records.tables.records import Holding
from engine.states.choices import Options, Purpose, RawDataChoice, ShareLevel
from tests import build
from tests.build import BuiltRecord, World

#: Older than any clock: a step then takes the clock's instant.
LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
#: When every quarantine is due.
_LONG_AFTER: Final = datetime(2050, 1, 1, tzinfo=UTC)
_OPTIONS: Final = Options(include_confidential=True, raw_data=RawDataChoice.INCLUDE, keep_copy=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """
    An organization with two records of one client and one owner: one is asked for, the other is free.

    Both came from the new owner, who kept no copy: what was withheld is in quarantine, and rejoins the
    record when they accept (MOVE-10), unless it is destroyed (MOVE-6). A collaborator reads both.
    The new owner of both is the same; ``keep_copy`` is off and raw data are to move, so that a legal hold, a
    title or a restriction each change what an acceptance does.
    """

    world: World
    colleague: UUID
    free: BuiltRecord
    transfer: UUID
    collaborator: UUID
    #: A draft of each record, for those who edit and sign.
    drafts: dict[UUID, UUID]
    #: What the new owner had to leave behind of each record, in quarantine.
    quarantines: dict[UUID, UUID]
    #: Written before anything begins.
    reason: UUID


def scene(database: Database, *, hurried: bool = False) -> Scene:
    """Set the scene; ``hurried``: the deadline has passed when this returns."""
    with database.write() as session:
        world = build.world(session)
        first = [build.record(session, world.new_owner, [world.client]) for _ in range(2)]
        colleague, collaborator = (build.member(session, world.organization) for _ in range(2))
        for record_id, holding in first:
            build.share(session, record_id, collaborator, level=ShareLevel.READ)
            build.note(session, holding, confidential=True, body="gardé par l'ancienne responsable")
            build.raw_datum(session, holding)
        reason = build.text(session, world.new_owner, TextKind.REASON, "pas de place")
    for record_id, _ in first:
        _hand_over(database, world, record_id)
    asked, free = (_live(database, record_id) for record_id, _ in first)
    drafts = {}
    with database.write() as session:
        if hurried:
            _answer_within_a_second(session, world)
        for record_id, holding in (asked, free):
            drafts[record_id] = build.note(session, holding, state=NoteState.DRAFT)
            build.note(session, holding)
            build.note(session, holding, confidential=True)
            build.raw_datum(session, holding)
            build.task(session, holding)
    made = Scene(
        world=replace(world, record=asked.record_id, holding=asked.holding_id),
        colleague=colleague,
        collaborator=collaborator,
        free=free,
        transfer=uuid4(),
        drafts=drafts,
        quarantines=dict(first),
        reason=reason,
    )
    assert told(Steps(database).open(_request(made, asked.record_id, made.transfer))) == "done"
    if hurried:
        time.sleep(1.1)
    return made


def _hand_over(database: Database, world: World, record_id: UUID) -> None:
    """Let the new owner give the owner a record, without a copy and without what is confidential."""
    request = TransferRequest(
        transfer_id=uuid4(),
        organization_id=world.organization,
        record_id=record_id,
        actor_id=world.new_owner,
        to_id=world.owner,
        purpose=Purpose.ABSENCE,
        options=Options(keep_copy=False),
    )
    accept = Accept(transfer_id=request.transfer_id, command_id=uuid4(), actor_id=world.owner)
    assert told(Steps(database).open(StepInput(what=request, at=LONG_AGO))) == "done"
    assert told(Steps(database).accept(StepInput(what=accept, at=LONG_AGO))) == "done"


def _live(database: Database, record_id: UUID) -> BuiltRecord:
    with database.read() as session:
        live = (Holding.record_id == record_id, Holding.state == HoldingState.LIVE)
        return BuiltRecord(record_id, session.scalars(select(Holding.id).where(*live)).one())


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
    return StepInput(what=request, at=LONG_AGO)


def told(result: StepResult) -> str:
    """Say how a step was answered."""
    return result.denied or "done"


#: A command in one session: who plays where, and "first" or "second" for what distinguishes two alike.
Play = Callable[[Database, Scene, str], str]


def _command(of: Scene) -> dict[str, Any]:
    return {"transfer_id": of.transfer, "command_id": uuid4(), "actor_id": of.world.new_owner}


def _accept(database: Database, of: Scene, _which: str) -> str:
    return told(Steps(database).accept(StepInput(what=Accept(**_command(of)), at=LONG_AGO)))


def _refuse(database: Database, of: Scene, _which: str) -> str:
    command = Refuse(**_command(of), reason_id=of.reason)
    return told(Steps(database).refuse(StepInput(what=command, at=LONG_AGO)))


def _expire(database: Database, of: Scene, _which: str) -> str:
    return told(Steps(database).expire(StepInput(what=Wake(transfer_id=of.transfer), at=LONG_AGO)))


def _ask(database: Database, of: Scene, _which: str) -> str:
    return told(Steps(database).open(_request(of, of.free.record_id, uuid4())))


def _destroy(database: Database, holding_id: UUID) -> str:
    """Destroy what is due of a quarantine by then, as the sweep does, with its line in the log."""
    done = destroy_holding(database, holding_id, _LONG_AFTER)
    return "nothing" if done is None else f"{done.rule} {sum(done.counts.values())}"


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
        "widen": _at_the_desk(
            lambda db, of, _: Desk(db).share(
                of.world.owner, record(of), of.collaborator, level=ShareLevel.WRITE
            )
        ),
        "destroy": lambda db, of, _: _destroy(db, of.quarantines[record(of)]),
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
