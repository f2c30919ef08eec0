"""Plan a caseload's transfer: select, judge by the rules of a request, divide, count (BULK-1)."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

from engine.errors import BadInput, Denied
from engine.rules import bulk, stepping_in
from engine.rules import transfers as rules
from engine.rules.bulk import BulkChoice, BulkLine, BulkPlan, Listed, RecipientLoad, Split
from engine.rules.content import ContentClass, Plan, plan
from engine.rules.facts import MemberFacts, PolicyFacts, RecordFacts, RecordStatus, Relation, TransferFacts
from engine.rules.people import check_coordinator
from engine.rules.splitting import Placed, Placing, evenly
from engine.states.choices import Options, Role
from engine.states.transfer import TransferState

#: The states in which a record is being asked for, and adds to the load of whoever is asked (BULK-1).
ASKING = frozenset({TransferState.REQUESTED, TransferState.PENDING_ACCEPTANCE})
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRecord:
    """One record in the source's hands, with its items by class."""

    id: UUID
    number: str
    status: RecordStatus
    confidential: bool
    legal_hold: bool
    clients: frozenset[UUID]
    restricted_members: frozenset[UUID]
    restricted_titles: frozenset[str]
    items: Mapping[ContentClass, int]
    open: TransferFacts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caseload:
    """What was read: who is there, what the organization chose, and every record of the source."""

    members: Mapping[UUID, MemberFacts]
    #: Whose address is whose.
    addresses: Mapping[str, UUID]
    policy: PolicyFacts
    held: Sequence[HeldRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a recipient has and is being asked to take over."""

    active: int
    asked: int


class _Judged(NamedTuple):
    """What the rules say of handing one record to one recipient, and what would happen."""

    blocked: str | None
    plan: Plan | None


class _Chosen(NamedTuple):
    """A record that was chosen, with the recipient that a file names."""

    record: HeldRecord
    to_id: UUID | None


class Planner:
    """
    One plan: ask for the ``recipients``, read their loads, then make the plan.

    Raises ``Denied``, ``NotFound`` or ``BadInput`` for what refuses a launch whole (BULK-1); what concerns
    one record is a blocked line.
    """

    def __init__(self, actor: MemberFacts, choice: BulkChoice, caseload: Caseload) -> None:
        check_coordinator(actor)
        self._actor, self._choice, self._caseload = actor, choice, caseload
        self._source = bulk.check_source(actor, caseload.members.get(choice.from_id))
        if choice.impose and not caseload.policy.impose_allowed:
            raise Denied("ST-T/impose", "policy")
        # What policy may allow with a reason, where nobody else could, is for single transfers (ELIG-9).
        self._policy = replace(caseload.policy, coordinator_may_receive=False)
        self.recipients = self._recipients()
        #: Records that the rules cannot tell apart are judged once, for each recipient.
        self._judged: defaultdict[tuple[Any, ...], dict[UUID, _Judged]] = defaultdict(dict)

    def plan(self, loads: Mapping[UUID, Load]) -> BulkPlan:
        """Say what would become of each record."""
        chosen = self._chosen()
        judged = [self._judged_for(one) for one in chosen]
        blocks = [_blocks(found) for found in judged]
        before = self._before(loads, chosen, blocks)
        places = self._placed(chosen, blocks, before)
        lines = [
            self._line(one.record, placed, found)
            for one, placed, found in zip(chosen, places, judged, strict=True)
        ]
        added = Counter(line.to_id for line in lines if line.blocked is None)
        taken = {line.record_id for line in lines}
        rest = [
            record
            for record in self._caseload.held
            if record.status is RecordStatus.ACTIVE and record.id not in taken
        ]
        left_out = sum(record.confidential for record in rest)
        return BulkPlan(
            organization_id=self._actor.organization_id,
            choice=self._choice,
            recipients=tuple(replace(load, added=added[load.member_id]) for load in before),
            lines=tuple(lines),
            confidential_left_out=left_out,
            not_selected=len(rest) - left_out,
        )

    # -- who -----------------------------------------------------------------------------------------------

    def _recipients(self) -> Sequence[UUID]:
        """Give the recipients in the order of naming, each once."""
        choice, members = self._choice, self._caseload.members
        named = tuple(dict.fromkeys(choice.to_ids))
        if not (named if choice.split is Split.EVEN else choice.listed):
            raise BadInput("bulk_no_recipient")
        bulk.check_recipients(self._source, [members.get(to_id) for to_id in named])
        if choice.split is Split.EVEN:
            return named
        return tuple(dict.fromkeys(self._of_line(listed, named) for listed in choice.listed or ()))

    def _of_line(self, listed: Listed, named: Sequence[UUID]) -> UUID:
        found_id = self._caseload.addresses.get(listed.to or "")
        found = None if found_id is None else self._caseload.members.get(found_id)
        refused = bulk.refused_recipient(self._source, found)
        if refused is None and named and found_id not in named:
            refused = "recipient_not_named"
        if refused is not None or found is None:
            raise BadInput(f"bulk_line_{refused}", line=listed.line)
        return found.id

    # -- what ----------------------------------------------------------------------------------------------

    def _hidden(self, record: HeldRecord) -> bool:
        """Say whether number and title are hidden (VIS-2)."""
        own = self._choice.from_id == self._actor.id and self._actor.acts_as(Role.PRACTITIONER)
        return record.confidential and not own

    def _order(self, record: HeldRecord) -> tuple[Any, ...]:
        """Stand in order of number, what has none to show last, and never by the hidden number."""
        if self._hidden(record):
            return (1, record.id)
        parts = _DIGITS.split(record.number)
        return 0, [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], record.number

    def _chosen(self) -> Sequence[_Chosen]:
        choice = self._choice
        choosable = sorted(
            (
                record
                for record in self._caseload.held
                if choice.include_confidential_records or not record.confidential
            ),
            key=self._order,
        )
        if choice.listed is None:
            return [_Chosen(record, None) for record in choosable if record.status is RecordStatus.ACTIVE]
        by_name = {str(record.id): record for record in choosable}
        by_name |= {record.number: record for record in choosable if not self._hidden(record)}
        named: dict[UUID, UUID | None] = {}
        for listed in choice.listed:
            record = by_name.get(listed.record) or by_name.get(listed.record.lower())
            if record is None:
                raise BadInput("bulk_line_record", line=listed.line)
            if record.id in named:
                raise BadInput("bulk_line_twice", line=listed.line)
            by_file = choice.split is Split.LISTED
            named[record.id] = self._caseload.addresses[listed.to or ""] if by_file else None
        return [_Chosen(record, named[record.id]) for record in choosable if record.id in named]

    # -- may it --------------------------------------------------------------------------------------------

    def _asked(self, one: _Chosen) -> Sequence[UUID]:
        return self.recipients if one.to_id is None else (one.to_id,)

    def _reassigns(self, record: HeldRecord) -> TransferFacts | None:
        return record.open if self._choice.reassign_open else None

    def _options(self, record: HeldRecord) -> Options:
        reassigned = self._reassigns(record)
        return self._choice.options if reassigned is None else reassigned.options

    def _judged_for(self, one: _Chosen) -> Mapping[UUID, _Judged]:
        """Judge a record for every recipient; where a file names somebody, for them alone."""
        record, recipients = one.record, self._asked(one)
        reassigned = self._reassigns(record)
        alike = (
            record.status,
            record.confidential,
            record.legal_hold,
            _has_raw_data(record),
            record.restricted_members,
            record.restricted_titles,
            record.open is None,
            None if reassigned is None else _told_apart_by(reassigned),
        )
        judged = self._judged[alike]
        for to_id in recipients:
            if to_id not in judged:
                judged[to_id] = self._judge(record, self._caseload.members[to_id])
        return judged if len(judged) == len(recipients) else {to_id: judged[to_id] for to_id in recipients}

    def _judge(self, record: HeldRecord, new_owner: MemberFacts) -> _Judged:
        options, policy, facts = self._options(record), self._policy, self._facts(record)
        reassigned = self._reassigns(record)
        try:
            if reassigned is not None:
                self._check_reassign(reassigned, facts, new_owner)
            else:
                rules.check_request(
                    self._actor,
                    facts,
                    new_owner,
                    options,
                    policy,
                    has_basis=self._choice.has_basis,
                    insist=self._choice.insist,
                    confidential_in_bulk=self._choice.include_confidential_records,
                )
                if self._choice.impose:
                    stepping_in.check_imposable(facts)
        except Denied as denial:
            return _Judged(denial.key, None)
        return _Judged(None, plan(options, facts, new_owner, policy))

    def _check_reassign(self, transfer: TransferFacts, facts: RecordFacts, new_owner: MemberFacts) -> None:
        """Judge as a single reassignment is judged (OVR-1, OVR-3); who is asked is not asked again."""
        policy, imposes = self._policy, self._choice.impose
        stepping_in.check_coordinator(self._actor, transfer, "ST-T/impose" if imposes else "ST-T/reassign")
        if not imposes and stepping_in.same_reassignment(self._actor.id, transfer, new_owner.id):
            raise Denied("ST-T/reassign", "already_asked")
        stepping_in.check_confidential(transfer, facts)
        stepping_in.check_next_owner(
            transfer,
            facts,
            new_owner,
            policy,
            transfer.options,
            has_basis=stepping_in.keeps_basis(transfer, new_owner.id) or self._choice.has_basis,
            insist=self._choice.insist,
        )
        if new_owner.id in stepping_in.makers(self._actor, transfer):
            rules.check_receives(policy, others=True)

    def _facts(self, record: HeldRecord) -> RecordFacts:
        return RecordFacts(
            id=record.id,
            organization_id=self._actor.organization_id,
            status=record.status,
            owner_id=self._source.id,
            owner_active=self._source.active,
            confidential=record.confidential,
            legal_hold=record.legal_hold,
            has_raw_data=_has_raw_data(record),
            restricted_members=record.restricted_members,
            restricted_titles=record.restricted_titles,
            open_transfer_id=None if record.open is None else record.open.id,
            relation=Relation.OWNER if self._source.id == self._actor.id else Relation.NOBODY,
        )

    # -- who gets what -------------------------------------------------------------------------------------

    def _before(
        self, loads: Mapping[UUID, Load], chosen: Sequence[_Chosen], blocks: Sequence[Mapping[UUID, str]]
    ) -> Sequence[RecipientLoad]:
        """Give the loads without what this plan takes away from whom it was asked."""
        leaving: Counter[UUID] = Counter()
        for one, blocked in zip(chosen, blocks, strict=True):
            reassigned = self._reassigns(one.record)
            if reassigned is not None and reassigned.state in ASKING:
                leaving[reassigned.to_id] += len(blocked) < len(self._asked(one))
        return [
            RecipientLoad(
                member_id=who, active=loads[who].active, asked=loads[who].asked - leaving[who], added=0
            )
            for who in self.recipients
        ]

    def _placed(
        self,
        chosen: Sequence[_Chosen],
        blocks: Sequence[Mapping[UUID, str]],
        before: Sequence[RecipientLoad],
    ) -> Sequence[Placed]:
        if self._choice.split is Split.LISTED:
            return [
                Placed(one.to_id, next(iter(blocked.values()), None))
                for one, blocked in zip(chosen, blocks, strict=True)
            ]
        placings = [
            Placing(clients=one.record.clients, blocks=blocked)
            for one, blocked in zip(chosen, blocks, strict=True)
        ]
        return evenly(placings, self.recipients, {load.member_id: load.before for load in before})

    def _line(self, record: HeldRecord, placed: Placed, judged: Mapping[UUID, _Judged]) -> BulkLine:
        planned = None
        if placed.to_id is not None and placed.blocked is None:
            planned = judged[placed.to_id].plan
        return BulkLine(
            record_id=record.id,
            number=None if self._hidden(record) else record.number,
            confidential=record.confidential,
            to_id=placed.to_id,
            blocked=placed.blocked,
            blocks=tuple(_blocks(judged).items()),
            open_transfer_id=None if record.open is None else record.open.id,
            reassigns=planned is not None and self._reassigns(record) is not None,
            options=self._options(record),
            copy_kept=planned is not None and planned.copy_kept,
            counts={} if planned is None else bulk.counted(record.items, planned.outcomes),
        )


def _blocks(judged: Mapping[UUID, _Judged]) -> Mapping[UUID, str]:
    """Say who may not have a record, by which rule."""
    return {who: found.blocked for who, found in judged.items() if found.blocked is not None}


def _told_apart_by(transfer: TransferFacts) -> tuple[Any, ...]:
    """Give what the rules of a reassignment look at."""
    return (
        transfer.state,
        transfer.to_id,
        transfer.options,
        transfer.has_basis,
        transfer.basis_for_anybody,
        transfer.asked_by_id,
        transfer.asked_role,
        transfer.reassigned_by,
        transfer.reassigned_by_id,
    )


def _has_raw_data(record: HeldRecord) -> bool:
    return record.items.get(ContentClass.RAW_DATA, 0) > 0
