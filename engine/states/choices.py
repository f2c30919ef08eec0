"""The closed vocabularies that rules, tables and commands share: roles, purposes, options, shares."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class Role(StrEnum):
    """What a member may be in an organization (ROLE-1); no role implies another (ROLE-4)."""

    PRACTITIONER = "practitioner"
    COORDINATOR = "coordinator"
    ADMINISTRATOR = "administrator"


class Need(StrEnum):
    """Why a transfer needs somebody."""

    #: They are asked, and answer.
    ANSWER = "answer"
    #: It waits for a coordinator (ST-1).
    DECIDE = "decide"
    #: It cannot be carried out for a cause that is no rule (ST-5).
    STUCK = "stuck"
    #: A rule stops the one whom they asked (ST-4).
    STOPPED = "stopped"
    #: The record came back to them.
    GIVEN_BACK = "given_back"
    #: It cancelled appointments, and a coordinator decides what becomes of them (NOTE-2).
    APPOINTMENTS = "appointments"
    #: They are asked to take appointments that it cancelled.
    OFFERED = "offered"


class Purpose(StrEnum):
    """Why a transfer is made (ELIG-8)."""

    CONTINUITY = "continuity"
    DEPARTURE = "departure"
    ABSENCE = "absence"
    CLIENT_REQUEST = "client_request"
    CORRECTION = "correction"


class RawDataChoice(StrEnum):
    """What the one who asks chose for raw data (ELIG-5)."""

    EXCLUDE = "exclude"
    INCLUDE = "include"
    IF_ALLOWED = "if_allowed"


class BasisForm(StrEnum):
    """The legal basis of a transfer (ELIG-8)."""

    VERBAL = "verbal"
    WRITTEN = "written"
    EXCEPTION = "exception"


class Basis(NamedTuple):
    """
    The legal basis of a transfer: its form, its scope or the exception in words, and its date (ELIG-8).

    ``for_anybody``: it stands whoever takes over. Otherwise a reassignment asks for it again.
    """

    form: BasisForm
    text: str
    on: date | None = None
    for_anybody: bool = False


class RestorationCause(StrEnum):
    """Why a quarantine is turned into an archived copy, or a copy is opened for somebody (MOVE-6)."""

    ACCESS_REQUEST = "access_request"
    ORDER = "order"
    MISTAKE = "mistake"


class NoticePace(StrEnum):
    """How often a member hears of what needs no action; what needs one comes at once (NOTE-1)."""

    AT_ONCE = "at_once"
    DAILY = "daily"


class ShareLevel(StrEnum):
    """What a collaborator may do on a shared record."""

    READ = "read"
    WRITE = "write"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class WhichCopy:
    """The archived copy that somebody wants to read: the one with this id, or the newest (VIS-7)."""

    id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the one who asks chose to move; the defaults are the cautious side (MOVE-1)."""

    include_confidential: bool = False
    raw_data: RawDataChoice = RawDataChoice.EXCLUDE
    keep_copy: bool = True
