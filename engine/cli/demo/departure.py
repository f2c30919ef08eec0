"""The demo's main scene: somebody leaves, and both processes die while the caseload is handed over."""

import asyncio
import time
from dataclasses import replace
from typing import Final
from uuid import UUID

from engine.catalogue import sentence
from engine.cli.demo.report import Told
from engine.cli.demo.stage import Stage, until, until_reached
from engine.errors import of_key
from engine.states.bulk import Answer
from engine.states.choices import Options, Purpose
from engine.states.transfer import TransferState
from engine.views import AnswerView, BulkReportView, BulkView, MemberView, RecordView

#: The fewest records of one person with which there is something to see of each kind.
FEWEST: Final = 4
_PENDING: Final = TransferState.PENDING_ACCEPTANCE.value
_ACCEPTED: Final = TransferState.ACCEPTED.value


async def departure(stage: Stage) -> list[Told]:
    """A caseload goes to two successors; a rule blocks one record, and halfway the power fails."""
    began = time.monotonic()
    leaver = _leaver(stage)
    held = {record.id: record for record in _held(stage, leaver)}
    first, second = _successors(stage, leaver)
    told = await _obstacles(stage, leaver, list(held.values()), (first, second))
    started = await _launched(stage, leaver, (first, second))
    await _asked_through_a_power_cut(stage, started)
    await _accepted(stage, started.id, (first, second))
    report = stage.desk.bulk_report(stage.clinic.coordinator.id, started.id)
    _reported(stage, report, held)
    for item in report.items:
        if item.transfer_id is not None and item.decided_at is not None:
            one = stage.ended_of("departure", held[item.record_id], item.transfer_id, began, leaver)
            took = item.decided_at - report.bulk.started_at
            told.append(replace(one, seconds=took.total_seconds()))
    return told


def _leaver(stage: Stage) -> MemberView:
    """Give the one who was invented to leave; among imported people, who holds the most."""
    clinic = stage.clinic
    return clinic.leaver or max(clinic.practitioners, key=lambda person: len(_held(stage, person)))


def _held(stage: Stage, person: MemberView) -> list[RecordView]:
    found = stage.desk.records(person.id)
    return sorted((one for one in found if one.relation.value == "owner"), key=lambda one: one.number)


def _successors(stage: Stage, leaver: MemberView) -> tuple[MemberView, MemberView]:
    first, second, *_ = (person for person in stage.clinic.practitioners if person.id != leaver.id)
    return first, second


async def _obstacles(
    stage: Stage, leaver: MemberView, held: list[RecordView], successors: tuple[MemberView, MemberView]
) -> list[Told]:
    """Let one client want neither successor (ELIG-4), and one record be on its way to somebody else."""
    if len(held) < FEWEST:
        return []
    began, unwanted, moving = time.monotonic(), held[0], held[1]
    for successor in successors:
        stage.desk.restrict(
            leaver.id, unwanted.id, member_id=successor.id, title=None, basis=stage.said("restriction")
        )
    asked = await stage.service.request(
        leaver.id, moving.id, successors[0].id, purpose=Purpose.CONTINUITY, message=stage.said("message")
    )
    stage.report.line("departure.obstacles", blocked=unwanted.number, moving=moving.number)
    return [stage.ended_of("departure", moving, asked.id, began, leaver)]


async def _launched(stage: Stage, leaver: MemberView, successors: tuple[MemberView, MemberView]) -> BulkView:
    """Preview, and launch exactly what was seen (BULK-2)."""
    coordinator, to_ids, options = stage.clinic.coordinator.id, [one.id for one in successors], Options()
    seen = await asyncio.to_thread(
        stage.desk.bulk_preview,
        coordinator,
        leaver.id,
        to_ids,
        include_confidential_records=True,
        options=options,
    )
    loads = {load.id: load for load in seen.recipients}
    first, second = successors
    stage.report.line(
        "departure.preview",
        records=seen.going + seen.blocked,
        going=seen.going,
        blocked=seen.blocked,
        first=first.name,
        of_first=loads[first.id].added,
        first_after=loads[first.id].after,
        second=second.name,
        of_second=loads[second.id].added,
        second_after=loads[second.id].after,
    )
    stage.report.line("departure.fingerprint", fingerprint=seen.fingerprint[:12])
    choice = stage.service.bulks.choose(
        leaver.id,
        to_ids,
        only_file=None,
        split_file=None,
        include_confidential_records=True,
        reassign_open=False,
        options=options,
    )
    return await stage.service.bulks.start(
        coordinator,
        choice,
        purpose=Purpose.DEPARTURE,
        fingerprint=seen.fingerprint,
        message=stage.said("leaving"),
    )


async def _asked_through_a_power_cut(stage: Stage, started: BulkView) -> None:
    """Kill worker and server (SIGKILL) once half is asked for, and watch the rest being asked for."""
    report, stack = stage.report, stage.stack
    going = started.records - started.counts.get("blocked", 0)
    report.begin("departure.asking", going)

    def asked() -> int:
        now = stage.desk.bulk(stage.clinic.coordinator.id, started.id)
        count = now.counts.get(_PENDING, 0)
        report.reach(count)
        return count

    await until_reached(asked, (going + 1) // 2)
    server, worker = stack.server_pid, stack.worker_pid
    await asyncio.gather(asyncio.to_thread(stack.kill_server), asyncio.to_thread(stack.kill_worker))
    died = time.monotonic()
    report.line("departure.killed", asked=asked(), going=going, server=server, worker=worker)
    await until(lambda: None not in {stack.server_pid, stack.worker_pid} and stack.is_ready())
    report.line(
        "power_cut.back",
        seconds=report.words.seconds(time.monotonic() - died),
        server=stack.server_pid,
        worker=stack.worker_pid,
    )
    await until_reached(asked, going)
    report.line("departure.asked", count=going, seconds=report.words.seconds(time.monotonic() - died))


async def _accepted(stage: Stage, bulk_id: UUID, both: tuple[MemberView, MemberView]) -> None:
    """Let each successor who is asked for something accept all of it in one gesture (BULK-5)."""
    began, coordinator = time.monotonic(), stage.clinic.coordinator.id
    asked = {part.id for part in stage.desk.bulk(coordinator, bulk_id).recipients if part.counts}
    successors = [one for one in both if one.id in asked]
    given: list[AnswerView] = await asyncio.gather(
        *(stage.service.bulks.answer(one.id, bulk_id, Answer.ACCEPT) for one in successors)
    )
    waiting = sum(one.deciding for one in given)
    stage.report.begin("departure.accepting", waiting)

    def decided() -> int:
        left = sum(
            stage.desk.bulk_answer(one.id, answer.id).deciding
            for one, answer in zip(successors, given, strict=True)
        )
        stage.report.reach(waiting - left)
        return waiting - left

    await until_reached(decided, waiting)
    await until(lambda: not stage.desk.bulk(coordinator, bulk_id).state.is_open)
    for one, answer in zip(successors, given, strict=True):
        count = stage.desk.bulk_answer(one.id, answer.id).counts.get(_ACCEPTED, 0)
        stage.report.line("departure.accepted", name=one.name, count=count)
    stage.report.line("departure.seconds", seconds=stage.report.words.seconds(time.monotonic() - began))


def _reported(stage: Stage, report: BulkReportView, held: dict[UUID, RecordView]) -> None:
    """Say what needs somebody: the record, the rule, and what to do."""
    confidential = sum(item.confidential for item in report.items)
    stage.report.line(
        "departure.report",
        accepted=report.bulk.counts.get(_ACCEPTED, 0),
        confidential=confidential,
        stayed=len(report.items) - report.bulk.counts.get(_ACCEPTED, 0),
    )
    for item in report.items:
        if item.rule is not None:
            number = held[item.record_id].number
            stage.report.line(
                "departure.stays",
                number=number,
                rule=item.rule.partition("/")[0],
                what=sentence(of_key(item.rule), stage.report.words.language),
            )
