"""What moves, what stays and what goes, by class of content (domain table "What moves", MOVE-T)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.rules.facts import MemberFacts, PolicyFacts, RecordFacts
from engine.states.choices import Options, RawDataChoice


class ContentClass(StrEnum):
    """One row of the table of what moves; an item is of exactly one class at a hand-over."""

    DETAILS = "details"
    NOTE = "note"
    DOCUMENT = "document"
    DRAFT_NOTE = "draft_note"
    PROFILE = "profile"
    CONFIDENTIAL_NOTE = "confidential_note"
    CONFIDENTIAL_DOCUMENT = "confidential_document"
    RAW_DATA = "raw_data"
    COLLABORATOR_CONFIDENTIAL = "collaborator_confidential"
    INVOICE = "invoice"
    PAST_APPOINTMENT = "past_appointment"
    UPCOMING_APPOINTMENT = "upcoming_appointment"
    COLLABORATOR_APPOINTMENT = "collaborator_appointment"
    TASK = "task"
    MEMO = "memo"
    SHARE = "share"


class Outcome(StrEnum):
    """What became of an item at a hand-over (MOVE-5)."""

    MOVED = "moved"
    KEPT = "kept"
    CANCELLED = "cancelled"
    WITHHELD = "withheld"
    DELETED = "deleted"


#: Classes whose very existence is for their author alone (VIS-6): in no count or manifest shown to others.
UNCOUNTED = frozenset({ContentClass.COLLABORATOR_CONFIDENTIAL})

_ALWAYS = frozenset(
    {
        ContentClass.DETAILS,
        ContentClass.NOTE,
        ContentClass.DOCUMENT,
        ContentClass.DRAFT_NOTE,
        ContentClass.PROFILE,
        ContentClass.COLLABORATOR_CONFIDENTIAL,
        ContentClass.COLLABORATOR_APPOINTMENT,
        ContentClass.SHARE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a hand-over will do, once the options and the rules are weighed against each other."""

    confidential_moves: bool
    raw_data_moves: bool
    copy_kept: bool
    tasks_kept: bool

    @property
    def outcomes(self) -> Mapping[ContentClass, Outcome]:
        """Give the outcome of every class; a class that is not listed here would stay behind."""
        left_behind = Outcome.KEPT if self.copy_kept else Outcome.WITHHELD
        by_option = Outcome.MOVED if self.confidential_moves else left_behind
        unfinished = Outcome.KEPT if self.tasks_kept else Outcome.DELETED
        return dict.fromkeys(_ALWAYS, Outcome.MOVED) | {
            ContentClass.CONFIDENTIAL_NOTE: by_option,
            ContentClass.CONFIDENTIAL_DOCUMENT: by_option,
            ContentClass.RAW_DATA: Outcome.MOVED if self.raw_data_moves else left_behind,
            ContentClass.INVOICE: Outcome.KEPT,
            ContentClass.PAST_APPOINTMENT: left_behind,
            ContentClass.UPCOMING_APPOINTMENT: Outcome.CANCELLED,
            ContentClass.TASK: unfinished,
            ContentClass.MEMO: unfinished,
        }


def plan(options: Options, record: RecordFacts, new_owner: MemberFacts, policy: PolicyFacts) -> Plan:
    """Weigh the options against the rules: ELIG-5, ELIG-6, MOVE-8 and MOVE-11."""
    raw_wanted = options.raw_data is not RawDataChoice.EXCLUDE
    raw_moves = raw_wanted and policy.allows_raw_data(new_owner.title)
    withheld_by_rule = raw_wanted and not raw_moves and record.has_raw_data
    return Plan(
        confidential_moves=options.include_confidential or record.confidential,
        raw_data_moves=raw_moves,
        copy_kept=options.keep_copy or withheld_by_rule or record.legal_hold,
        tasks_kept=record.legal_hold,
    )


def narrows(old: Options, new: Options) -> bool:
    """Say whether every option of ``new`` is at most as wide as in ``old`` (MOVE-1)."""
    width = [RawDataChoice.EXCLUDE, RawDataChoice.IF_ALLOWED, RawDataChoice.INCLUDE]
    return (
        new.include_confidential <= old.include_confidential
        and width.index(new.raw_data) <= width.index(old.raw_data)
        and new.keep_copy >= old.keep_copy
    )
