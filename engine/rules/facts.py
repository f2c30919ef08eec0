"""The facts that rules judge: plain values, read from the database by ``engine.records``."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from engine.states.choices import Options, Purpose, Role, ShareLevel
from engine.states.transfer import TransferState


class RecordStatus(StrEnum):
    """Whether a record is in use; only active records are transferred (ELIG-1)."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    DELETED = "deleted"


class Relation(StrEnum):
    """What an actor is to a record, which decides what they may know of it (VIS-11)."""

    OWNER = "owner"
    NEW_OWNER = "new_owner"
    COLLABORATOR = "collaborator"
    PREVIOUS_OWNER = "previous_owner"
    #: For whom an administrator opened somebody else's copy (MOVE-6).
    READER = "reader"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFacts:
    """One member of an organization, as the rules see them."""

    id: UUID
    organization_id: UUID
    active: bool
    roles: frozenset[Role]
    title: str
    accepts_records: bool

    def acts_as(self, role: Role) -> bool:
        """Say whether this member is active and holds the role (ROLE-1)."""
        return self.active and role in self.roles


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFacts:
    """One record with its live holding, as seen by one actor."""

    id: UUID
    organization_id: UUID
    status: RecordStatus
    owner_id: UUID
    owner_active: bool
    confidential: bool
    legal_hold: bool
    has_raw_data: bool
    restricted_members: frozenset[UUID]
    restricted_titles: frozenset[str]
    open_transfer_id: UUID | None
    relation: Relation
    share_level: ShareLevel | None = None
    #: Whether what a collaborator signs waits for the owner's approval.
    share_approval: bool = False

    def excludes(self, member: MemberFacts) -> bool:
        """Say whether a client of the record does not want this person, or their title (ELIG-4)."""
        return member.id in self.restricted_members or same_title(member.title) in self.restricted_titles


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFacts:
    """The organization's choices that eligibility depends on."""

    raw_data_titles: frozenset[str]
    basis_required: bool
    #: Whether a coordinator may impose (OVR-1).
    impose_allowed: bool = True
    #: Whether a coordinator may receive by a step of their own, where nobody else could (ELIG-9).
    coordinator_may_receive: bool = False

    def allows_raw_data(self, title: str) -> bool:
        """Say whether this professional title may receive raw data (ELIG-5)."""
        return same_title(title) in self.raw_data_titles


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFacts:
    """One transfer's row, as the rules see it."""

    id: UUID
    organization_id: UUID
    record_id: UUID
    state: TransferState
    version: int
    from_id: UUID
    to_id: UUID
    asked_by_id: UUID
    asked_role: Role
    purpose: Purpose
    options: Options
    has_basis: bool
    owner_active: bool
    decided_by_id: UUID | None
    stuck: bool
    respond_by: datetime
    #: Who was asked first, and who was asked before the one who is asked now (OVR-1).
    first_to_id: UUID
    formerly_asked: frozenset[UUID] = frozenset()
    #: The coordinator who chose who is asked now, and all who chose somebody (ELIG-9).
    reassigned_by_id: UUID | None = None
    reassigned_by: frozenset[UUID] = frozenset()
    basis_for_anybody: bool = False
    imposed: bool = False

    @property
    def returnable(self) -> bool:
        """The owner is active and asked for the transfer themself, so the record can go back."""
        return self.owner_active and self.asked_by_id == self.from_id


def same_title(title: str) -> str:
    """Fold a professional title: its case, its spaces and how its accents are encoded make no difference."""
    return unicodedata.normalize("NFKC", " ".join(title.split()).casefold())
