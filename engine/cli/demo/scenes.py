"""What happens in the demo, scene by scene, through the service as any backend would ask for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import timedelta
from typing import Any, Final, TypeVar

from engine.cli.demo.checks import Denial
from engine.cli.demo.clinic import COMPLETE
from engine.cli.demo.departure import departure
from engine.cli.demo.report import DENIED, Report, Told
from engine.cli.demo.stage import Stage, until
from engine.errors import EngineError
from engine.states.choices import Options, Purpose, RawDataChoice, Role
from engine.views import MemberView, TransferView

#: Where each scene's record stands in the clinic's list.
_COPY, _NO_COPY, _REFUSED, _CANCELLED, _EXPIRED, _OPEN = range(COMPLETE)
#: The fewest records that leave something for the power cut.
FEWEST_RECORDS: Final = COMPLETE + 2

_ANSWER_WITHIN: Final = timedelta(seconds=2)
_USUAL_ANSWER_WITHIN: Final = timedelta(days=14)
_USUAL_REMINDERS: Final = (timedelta(days=3), timedelta(days=7))
_AT_ONCE: Final = 24
# As `engine.activities.killpoints` reads them; the worker is another process.
_KILL_POINT: Final = "transfer.accept:inside"
_KILL_AT: Final = "PASSATION_KILL_AT"
_KILL_PIDS: Final = "PASSATION_KILL_PIDS"

_T = TypeVar("_T")


async def _with_copy(stage: Stage) -> list[Told]:
    """The widest options: confidential items move, and raw data, which this title may hold."""
    began = time.monotonic()
    widest = Options(include_confidential=True, raw_data=RawDataChoice.INCLUDE)
    asked = await stage.ask(_COPY, options=widest)
    await stage.service.accept(stage.clinic.next_to(_COPY).id, asked.id)
    return [stage.ended("with_copy", _COPY, asked, began)]


async def _without_copy(stage: Stage) -> list[Told]:
    """The cautious options, but no copy: what does not move is put out of everybody's sight."""
    began = time.monotonic()
    asked = await stage.ask(_NO_COPY, options=Options(keep_copy=False))
    await stage.service.accept(stage.clinic.next_to(_NO_COPY).id, asked.id)
    return [stage.ended("without_copy", _NO_COPY, asked, began)]


async def _refused(stage: Stage) -> list[Told]:
    began = time.monotonic()
    asked = await stage.ask(_REFUSED)
    reason = f"{stage.report.words('reason')} ({stage.clinic.marker})"
    await stage.service.refuse(stage.clinic.next_to(_REFUSED).id, asked.id, reason=reason)
    return [stage.ended("refused", _REFUSED, asked, began)]


async def _cancelled(stage: Stage) -> list[Told]:
    began = time.monotonic()
    asked = await stage.ask(_CANCELLED)
    await stage.service.cancel(stage.clinic.owner_of(_CANCELLED).id, asked.id)
    return [stage.ended("cancelled", _CANCELLED, asked, began)]


async def _expired(stage: Stage) -> list[Told]:
    """The organization gives two seconds to answer; the durable timer does the rest."""
    began = time.monotonic()
    administrator, owner = stage.clinic.administrator_id, stage.clinic.owner_of(_EXPIRED).id
    stage.desk.set_policy(
        administrator, answer_within=_ANSWER_WITHIN, reminders=[_ANSWER_WITHIN - timedelta(seconds=1)]
    )
    asked = await stage.ask(_EXPIRED)
    await until(lambda: not stage.desk.transfer(owner, asked.id).state.is_open)
    stage.desk.set_policy(administrator, answer_within=_USUAL_ANSWER_WITHIN, reminders=_USUAL_REMINDERS)
    return [stage.ended("expired", _EXPIRED, asked, began)]


async def _restricted(stage: Stage) -> list[Told]:
    """The client of the refused record does not want the colleague who is asked next."""
    to = stage.clinic.next_to(_REFUSED, 2)
    stage.desk.restrict(
        stage.clinic.owner_of(_REFUSED).id,
        stage.clinic.records[_REFUSED].id,
        member_id=to.id,
        title=None,
        basis=f"{stage.report.words('restriction')} ({stage.clinic.marker})",
    )
    return [await _denied(stage, "restricted", _REFUSED, to, "ELIG-4", Options())]


async def _wrong_title(stage: Stage) -> list[Told]:
    """The raw data of the cancelled record are asked for a title that is not on the organization's list."""
    to, raw = stage.clinic.next_to(_CANCELLED, 2), Options(raw_data=RawDataChoice.INCLUDE)
    return [await _denied(stage, "wrong_title", _CANCELLED, to, "ELIG-5", raw)]


async def _denied(stage: Stage, scene: str, place: int, to: MemberView, rule: str, options: Options) -> Told:
    began, code = time.monotonic(), None
    record = stage.clinic.records[place]
    stage.expected.denials.append(Denial(str(record.id), str(to.id), rule))
    try:
        await stage.ask(place, to, options)
    except EngineError as denial:
        code = denial.code
    return Told(
        scene=scene,
        record_number=record.number,
        owner=stage.clinic.owner_of(place).name,
        new_owner=to.name,
        state=DENIED if code else "",
        seconds=time.monotonic() - began,
        rule=code,
    )


async def _frozen(stage: Stage) -> list[Told]:
    """While a transfer waits nobody writes (VIS-4), and the one who is asked reads nothing (VIS-3)."""
    began = time.monotonic()
    record, owner, new_owner = (
        stage.clinic.records[_OPEN],
        stage.clinic.owner_of(_OPEN),
        stage.clinic.next_to(_OPEN),
    )
    asked = await stage.ask(_OPEN)
    tries: dict[str, Callable[[], object]] = {
        "writes": lambda: stage.desk.add_note(owner.id, record.id, stage.clinic.marker),
        "reads": lambda: stage.desk.record(new_owner.id, record.id),
    }
    told = stage.ended("frozen", _OPEN, asked, began)
    for what, attempt in tries.items():
        try:
            attempt()
        except EngineError as denial:
            stage.report.line(f"frozen.{what}", rule=denial.code)
        else:
            stage.expected.surprises.append(f"frozen.{what}")
    return [told]


async def _power_cut(stage: Stage) -> list[Told]:
    """Kill server and worker (SIGKILL) inside an accept's transaction: every decision is executed once."""
    report, stack = stage.report, stage.stack
    await asyncio.to_thread(
        stack.kill_worker, {_KILL_AT: _KILL_POINT, _KILL_PIDS: f"{stack.server_pid},self"}
    )
    await asyncio.to_thread(stack.wait_ready)
    report.line("power_cut.armed", point=f"{_KILL_AT}={_KILL_POINT}")
    places = range(COMPLETE, len(stage.clinic.records))
    asked = await _at_once((_ask_one(stage, place) for place in places), report, "power_cut.asking")
    report.line("power_cut.asked", count=len(asked))
    server, worker = stack.server_pid, stack.worker_pid
    watching = asyncio.create_task(_watch(stage, server, worker))
    try:
        told = await _at_once(
            (_accept_one(stage, place, transfer) for place, transfer in zip(places, asked, strict=True)),
            report,
            "power_cut.accepting",
        )
        await watching
    finally:
        watching.cancel()
    report.line("power_cut.done", count=len(told))
    return told


async def _stepping_in(stage: Stage) -> list[Told]:
    """Somebody falls ill: a coordinator moves one record, redirects another one and imposes a third."""
    return [await _moved(stage), await _redirected(stage), await _imposed(stage)]


async def _moved(stage: Stage) -> Told:
    began, clinic = time.monotonic(), stage.clinic
    ill, helper = clinic.next_to(_COPY), clinic.next_to(_COPY, 2)
    asked = await _ask_for(stage, _COPY, helper)
    await stage.service.accept(helper.id, asked.id)
    stage.report.line("stepping_in.moved", ill=ill.name, helper=helper.name)
    return stage.ended("stepping_in", _COPY, asked, began, ill)


async def _redirected(stage: Stage) -> Told:
    """What was asked before, by the one who is ill now, is asked of somebody else."""
    began, clinic, place = time.monotonic(), stage.clinic, COMPLETE
    ill, first, second = clinic.next_to(place), clinic.next_to(place, 2), clinic.owner_of(place)
    asked = await stage.service.request(
        ill.id, clinic.records[place].id, first.id, purpose=Purpose.ABSENCE, message=stage.said("message")
    )
    await stage.service.reassign(clinic.coordinator.id, asked.id, second.id, reason=stage.said("ill"))
    await stage.service.accept(second.id, asked.id)
    stage.report.line("stepping_in.reassigned", first=first.name, second=second.name)
    return stage.ended("stepping_in", place, asked, began, ill)


async def _imposed(stage: Stage) -> Told:
    """A refusal waits for a coordinator, whose role is taken meanwhile and given back: it counts at once."""
    began, clinic, desk, report = time.monotonic(), stage.clinic, stage.desk, stage.report
    holder, to, coordinator = clinic.next_to(_NO_COPY), clinic.next_to(_NO_COPY, 2), clinic.coordinator.id
    asked = await _ask_for(stage, _NO_COPY, to)
    await stage.service.refuse(to.id, asked.id, reason=stage.said("reason"))
    # Nobody is left without a role: the coordinator practises too.
    desk.grant(clinic.administrator_id, coordinator, Role.PRACTITIONER)
    revoked = desk.revoke(clinic.administrator_id, coordinator, Role.COORDINATOR)
    report.line("stepping_in.waits", to=to.name, count=revoked.waiting)
    try:
        await stage.service.impose(coordinator, asked.id, reason=stage.said("ill"))
    except EngineError as denial:
        report.line("stepping_in.denied", rule=denial.code)
    else:
        stage.expected.surprises.append("stepping_in.denied")
    desk.grant(clinic.administrator_id, coordinator, Role.COORDINATOR)
    await stage.service.impose(coordinator, asked.id, reason=stage.said("ill"))
    report.line("stepping_in.imposed", to=to.name)
    return stage.ended("stepping_in", _NO_COPY, asked, began, holder)


async def _ask_for(stage: Stage, place: int, to: MemberView) -> TransferView:
    return await stage.service.request(
        stage.clinic.coordinator.id, stage.clinic.records[place].id, to.id, purpose=Purpose.ABSENCE
    )


async def _ask_one(stage: Stage, place: int) -> TransferView:
    # The copies alternate, so that both ways of ending a holding meet the power cut.
    return await stage.ask(place, options=Options(keep_copy=place % 2 == 0))


async def _accept_one(stage: Stage, place: int, asked: TransferView) -> Told:
    began = time.monotonic()
    await stage.service.accept(stage.clinic.next_to(place).id, asked.id)
    return await asyncio.to_thread(stage.ended, "power_cut", place, asked, began)


async def _watch(stage: Stage, server: int | None, worker: int | None) -> None:
    """Say when both are dead, and when both are back."""
    stack, report = stage.stack, stage.report
    await until(lambda: stack.server_pid != server and stack.worker_pid != worker)
    died = time.monotonic()
    report.line("power_cut.killed", server=server, worker=worker)
    await until(lambda: None not in {stack.server_pid, stack.worker_pid} and stack.is_ready())
    report.line(
        "power_cut.back",
        seconds=report.words.seconds(time.monotonic() - died),
        server=stack.server_pid,
        worker=stack.worker_pid,
    )


async def _at_once(deeds: Iterable[Coroutine[Any, Any, _T]], report: Report, label: str) -> list[_T]:
    """Do things at once, so many in flight, and show how far they are."""
    gate, waiting = asyncio.Semaphore(_AT_ONCE), list(deeds)
    report.begin(label, len(waiting))

    async def through(deed: Coroutine[Any, Any, _T]) -> _T:
        async with gate:
            done = await deed
        report.advance()
        return done

    return await asyncio.gather(*map(through, waiting))


_SCENES: Final[tuple[tuple[str, Callable[[Stage], Awaitable[list[Told]]]], ...]] = (
    ("with_copy", _with_copy),
    ("without_copy", _without_copy),
    ("refused", _refused),
    ("cancelled", _cancelled),
    ("expired", _expired),
    ("restricted", _restricted),
    ("wrong_title", _wrong_title),
    ("frozen", _frozen),
    ("power_cut", _power_cut),
    ("stepping_in", _stepping_in),
    ("departure", departure),
)


async def play(stage: Stage) -> None:
    """Play every scene, each announced by one sentence."""
    for key, scene in _SCENES:
        count = len(stage.clinic.records) - COMPLETE
        with stage.report.scene(key, count=count):
            told = await scene(stage)
        stage.report.tell(told)
        stage.told += told
