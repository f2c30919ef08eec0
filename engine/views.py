"""What the service answers: plain models in the words of the field, ready for JSON."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from engine.rules.content import ContentClass, Outcome
from engine.rules.facts import RecordStatus, Relation
from engine.states.bulk import Answer, BulkState, Scope
from engine.states.choices import BasisForm, Need, NoticePace, Options, Purpose, Role
from engine.states.transfer import Party, TransferState


class View(BaseModel):
    """An answer; written to JSON under the names of the field."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True, validate_by_name=True)


class OrganizationView(View):
    """An organization and its first administrator."""

    id: UUID
    name: str
    language: str
    time_zone: str
    administrator_id: UUID


class OrganizationFactsView(View):
    """An organization as its members know it."""

    id: UUID
    name: str
    language: str
    time_zone: str
    administrators: list[str]
    coordinators: list[str]
    #: How many are active, and how many no longer are.
    members: int
    inactive: int


class PolicyView(View):
    """One choice of an organization, its values written as they are typed."""

    name: str
    value: str
    default: str
    least: str | None
    most: str | None


class MemberView(View):
    """A member as colleagues know them."""

    id: UUID
    email: str
    first_name: str
    last_name: str
    title: str
    language: str
    roles: list[Role]
    active: bool
    #: Whether they take new records for now (ELIG-3).
    accepts_records: bool

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


class VisitorView(View):
    """Who is signed in at the console, as every page of theirs needs it."""

    member: MemberView
    organization: str
    time_zone: str
    #: How much needs them, up to ``MOST_NEEDS``.
    needs: int


class LinkView(View):
    """Who a member is for the organization's issuer; nobody where it is not linked."""

    member: MemberView
    issuer: str | None
    subject: str | None


class PersonaView(View):
    """A member who may be chosen where things are tried out."""

    id: UUID
    email: str
    name: str
    organization: str
    roles: list[Role]


class HeldView(View):
    """What a member still holds, in counts alone (ROLE-6)."""

    member: MemberView
    records: int
    copies: int
    shares: int
    transfers_in: int
    #: Of their records, and asked by them for others.
    transfers_out: int
    appointments: int
    #: Transfers that wait for a coordinator, where nobody else is one (ST-1).
    waiting: int
    #: Records of members who are inactive already, where nobody else is a coordinator (ROLE-6).
    left_records: int


class RoleView(View):
    """A member's role, given or taken; ``changed`` is false where it was so already (ROLE-2)."""

    member: MemberView
    role: Role
    changed: bool
    #: Transfers that wait for a coordinator and records of inactive members, where nobody else is one (ST-1).
    waiting: int
    left_records: int


class PractitionerView(View):
    """A practitioner as coordinators see them: who they are, and numbers (VIS-1)."""

    id: UUID
    first_name: str
    last_name: str
    email: str
    title: str
    #: Active records, institutional and confidential.
    institutional: int
    confidential: int
    #: Open transfers that wait for their answer, and those of their records.
    transfers_in: int
    transfers_out: int
    accepts_records: bool
    #: Whether somebody must move their records: they are no longer active (ROLE-6).
    inactive: bool

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


class FoundRecordView(View):
    """An institutional record that a coordinator looked for; a confidential one is never found (VIS-2)."""

    id: UUID
    number: str
    title: str
    #: The open transfer that freezes it, if there is one.
    open_transfer_id: UUID | None


class FoundRecordsView(View):
    """What a search found, in order of number; ``more`` is how many were left out."""

    records: list[FoundRecordView]
    more: int


class RestrictionView(View):
    """Somebody, or a professional title, whom a client's records may not go to (ELIG-4)."""

    id: UUID
    client: str
    member_id: UUID | None
    member: str | None
    title: str | None
    set_by: str
    set_at: datetime
    basis: str
    ended_by: str | None
    ended_at: datetime | None


class ReaderView(View):
    """How somebody reads: their language, the time zone of their organization, how often they are told."""

    language: str
    time_zone: str
    notices: NoticePace


class EmergencyView(View):
    """Sight of a frozen record, and until when (VIS-4)."""

    id: UUID
    record_id: UUID
    opened_at: datetime
    until_at: datetime


class ItemView(View):
    """One item that the reader may see; ``archived`` where it stands in a read-only copy."""

    id: UUID
    item_class: ContentClass = Field(alias="class")
    author: str | None
    #: Who wrote the draft that this note was adopted from (VIS-10).
    first_author: str | None = None
    at: datetime
    state: str | None
    label: str | None
    sha256: str | None
    archived: bool
    #: The text of a note, a task or a memo; a file's bytes are read one by one.
    text: str | None = None


class HoldView(View):
    """A legal hold that stands, for administrators: of the record its number, and nothing else (MOVE-11)."""

    record_id: UUID
    record_number: str
    set_by: str
    set_at: datetime
    reason: str


class RecordView(View):
    """A record as its owner, a collaborator or the holder of a copy sees it."""

    id: UUID
    number: str
    title: str
    clients: list[str]
    status: RecordStatus
    confidential: bool
    opened_on: str
    email: str | None
    reason_for_consultation: str | None
    owner: str
    relation: Relation
    #: The open transfer that freezes it, if there is one.
    open_transfer_id: UUID | None
    #: Whether the details are those of a read-only copy, and of which.
    archived: bool = False
    copy_id: UUID | None = None
    items: list[ItemView] = []


class ClassLine(View):
    """How many items of a class meet which outcome."""

    item_class: ContentClass = Field(alias="class")
    outcome: Outcome
    count: int


class PreviewView(View):
    """What a transfer would do, before anything is asked."""

    record_id: UUID
    record_number: str
    to: str
    options: Options
    #: Whether an archived copy will be kept, by choice or because a rule demands it (MOVE-8, MOVE-11).
    copy_kept: bool
    items: list[ClassLine]


class BulkRecipientView(View):
    """How much a recipient has, and how much a caseload's transfer would ask of them (BULK-2)."""

    id: UUID
    name: str
    email: str
    #: Active records, and records that they are already being asked to take over.
    active: int
    asked: int
    added: int
    after: int


class BlockView(View):
    """A recipient who may not have a record, and the rule."""

    to_id: UUID
    rule: str


class BulkLineView(View):
    """What a caseload's transfer would do with one record, or the rule that stops it (BULK-2)."""

    record_id: UUID
    #: Hidden of a confidential record, and so is its title (VIS-2).
    record_number: str | None
    confidential: bool
    to_id: UUID | None
    to: str | None
    blocked: str | None
    #: Every recipient in question who may not have it.
    blocked_for: list[BlockView]
    open_transfer_id: UUID | None
    #: Whether that open transfer would be reassigned, with its own options (OVR-3).
    reassigns: bool
    options: Options
    copy_kept: bool
    items: list[ClassLine]
    destroyed_later: list["CountLine"]
    appointments_to_cancel: int
    shares: int


class BulkPreviewView(View):
    """What a caseload's transfer would do, before anything is asked (BULK-2)."""

    #: What a launch carries, to be refused if any of this has changed.
    fingerprint: str
    source_id: UUID
    source: str
    options: Options
    include_confidential_records: bool
    reassign_open: bool
    insist: bool
    #: Whether each record would be handed over at once, without an answer (OVR-1).
    impose: bool
    #: How many records would be asked for, and how many a rule stops.
    going: int
    blocked: int
    #: Active records that stay out of it: confidential ones as one bare count, and what was not selected.
    confidential_left_out: int
    not_selected: int
    recipients: list[BulkRecipientView]
    items: list[ClassLine]
    destroyed_later: list["CountLine"]
    appointments_to_cancel: int
    shares: int
    lines: list[BulkLineView]


class TransferView(View):
    """A transfer as the reader may know it (VIS-3, VIS-12); what they may not know is ``None``."""

    id: UUID
    state: TransferState
    must_act: Party
    version: int
    purpose: Purpose | None = None
    record_id: UUID | None = None
    record_number: str | None = None
    owner: str | None = None
    owner_id: UUID | None = None
    new_owner: str | None = None
    new_owner_id: UUID | None = None
    asked_by: str | None = None
    asked_by_id: UUID | None = None
    #: The coordinator who chose who is asked now, in place of somebody else (OVR-1).
    reassigned_by: str | None = None
    #: The coordinator who decided in place of the new owner: never an acceptance of theirs (OVR-1).
    imposed_by: str | None = None
    options: Options | None = None
    asked_at: datetime
    respond_by: datetime | None = None
    decided_at: datetime | None = None
    reason: str | None = None
    basis: str | None = None
    basis_form: BasisForm | None = None
    basis_on: date | None = None
    message: str | None = None
    failed_rule: str | None = None
    stuck_cause: str | None = None
    items: list[ClassLine] = []


class TransfersView(View):
    """A page of transfers, newest first; ``after`` is where the next one goes on, where there is one."""

    transfers: list[TransferView]
    after: UUID | None


class NeedView(View):
    """A transfer that needs the reader, why, and the rule where one stops it."""

    need: Need
    transfer: TransferView
    rule: str | None


class LeftView(View):
    """Somebody who has left, and how many active records of theirs are to be moved (ROLE-6)."""

    id: UUID
    name: str
    email: str
    institutional: int
    confidential: int


class NeedsView(View):
    """What needs the reader; ``more`` is how many transfers were left out."""

    transfers: list[NeedView]
    more: int
    #: For coordinators.
    left: list[LeftView]
    #: For administrators, while nobody is a coordinator: transfers and records that wait for one (ST-1).
    waiting: int
    left_records: int


class ChainView(View):
    """What a walk over an organization's log found."""

    organization_id: UUID
    organization: str
    events: int
    head: str
    first_break: int | None
    what: str | None


class SweepView(View):
    """What a sweep found and mended."""

    open_transfers: int
    restarted: int
    woken: int
    texts_swept: int
    receipts_signed: int
    receipts_waiting: int
    sender_restarted: bool


class KeyView(View):
    """A public key of an organization, and whether it signs now (AUD-4)."""

    key_id: str
    public_key: str
    pem: str
    since: datetime
    in_use: bool


class FlawView(View):
    """What is wrong with something that was given out, and where in it."""

    what: str
    where: str


class GivenView(View):
    """A receipt or a head that was given out, and what is wrong with it."""

    file: str
    flaws: list[FlawView]


class KeyStandingView(View):
    """For operators: the key of an organization here, and how many receipts wait for it (AUD-4)."""

    organization_id: UUID
    problem: str | None
    #: Whether others than its user may read the file.
    open_to_others: bool
    waiting: int


class CountLine(View):
    """How many items of a class."""

    item_class: ContentClass = Field(alias="class")
    count: int


class QuarantineView(View):
    """What a hand-over excluded and did not keep: since when, and on which day it is destroyed."""

    id: UUID
    #: Of a confidential record nobody but its holders is told the number.
    record_number: str | None
    since: datetime
    due_on: date
    held: bool
    items: list[CountLine]


class DueView(View):
    """What is destroyed on a day, if nothing changes until then; under a hold there is no day."""

    on: date | None
    rule: str
    holdings: int
    items: list[CountLine]


class TombstoneView(View):
    """What was destroyed of one quarantine or copy: when, after which period, how many of each class."""

    id: UUID
    record_number: str | None
    at: datetime
    rule: str
    items: list[CountLine]


class OpeningView(View):
    """An opening of a copy whose holder is gone: for whom, until when (MOVE-6)."""

    id: UUID
    copy_id: UUID
    #: Of a confidential record nobody but its holders is told the number.
    record_number: str | None
    reader: str
    opened_by: str
    opened_at: datetime
    until_at: datetime


class HolderlessCopyView(View):
    """An archived copy whose holder is inactive, in counts, and who may read it for now."""

    id: UUID
    record_number: str | None
    holder: str
    since: datetime
    due_on: date
    held: bool
    items: list[CountLine]
    openings: list[OpeningView]


class StandingView(View):
    """Which transfers are open, and which of those cannot be carried out (ST-5)."""

    open: list[UUID]
    stuck: list[UUID]


class TroubleView(View):
    """A message that was given up or had to wait: to whom, since when, and why (NOTE-3)."""

    id: UUID
    #: ``None`` for a client, whose name is nobody's here.
    member: str | None
    state: str
    trouble: str
    smtp_code: int | None
    attempts: int
    since: datetime
    #: ``None`` where it was given up.
    next_at: datetime | None


class CallView(View):
    """A client whom somebody must call about an appointment that is cancelled (NOTE-2)."""

    #: What ``call done`` names; ``None`` for an appointment that nobody has decided about yet.
    id: int | None
    appointment_id: UUID
    record_id: UUID
    record_number: str
    client: str
    starts_at: datetime
    why: str
    #: Whether the record is the reader's own.
    yours: bool


class HeldAppointmentView(View):
    """A cancelled appointment whose client has not been told: a decision is to be made first (NOTE-2)."""

    #: The appointment's.
    id: UUID
    transfer_id: UUID
    #: ``None`` where the record is confidential and not the reader's.
    record_number: str | None
    starts_at: datetime
    ends_at: datetime
    was_with: str
    responsible: str
    #: Whether who is responsible now is asked to take it.
    offered: bool
    #: Whether that is the reader.
    yours: bool


class BulkPartView(View):
    """Somebody whom a bulk asks, and where their part of it stands."""

    id: UUID
    name: str
    counts: dict[str, int]


class BulkView(View):
    """Where the transfer of a caseload stands, in counts (VIS-1, BULK-4)."""

    id: UUID
    state: BulkState
    source: str
    started_by: str
    #: In whose name it asks: who started it, or took it over (ROLE-5).
    led_by: str
    #: What a recipient is not told before they answer (VIS-3).
    purpose: Purpose | None
    options: Options | None
    include_confidential_records: bool
    #: Whether what is open is reassigned (OVR-3), and whether each record is handed over without an answer.
    reassign_open: bool
    impose: bool
    started_at: datetime
    ended_at: datetime | None
    #: Why the engine paused it.
    paused_rule: str | None
    records: int
    #: By the state of the transfer; ``waiting``, ``blocked`` and ``troubled`` for what has none.
    counts: dict[str, int]
    recipients: list[BulkPartView]
    #: Confidential records that were not included: one bare count.
    confidential_left_out: int
    not_selected: int


class BulkItemView(View):
    """One record of a bulk, and where it stands; a confidential one without its number (VIS-2)."""

    record_id: UUID
    record_number: str | None
    confidential: bool
    to: str | None
    stands: str
    #: The rule that blocks it, as an error key.
    rule: str | None
    #: What stops it that is no rule: a name.
    error: str | None
    attempt: int
    transfer_id: UUID | None
    respond_by: datetime | None
    decided_at: datetime | None


class AnswerView(View):
    """A recipient's answer to a whole bulk, and what it has come to so far (BULK-5)."""

    id: UUID
    bulk_id: UUID
    answer: Answer
    scope: Scope
    given_at: datetime
    #: What the bulk asks of them, by the state of the transfer.
    counts: dict[str, int]
    #: How many the answer binds and has not decided yet.
    deciding: int
    #: What it could not decide: still pending, with the rule.
    denied: list["BulkItemView"]


class LeftRecordView(View):
    """A record of the source that a bulk does not move: archived, or opened since the start."""

    record_id: UUID
    record_number: str | None
    why: str


class BulkReportView(View):
    """A bulk with its records, and what it does not move (BULK-4)."""

    bulk: BulkView
    items: list[BulkItemView]
    left: list[LeftRecordView]
