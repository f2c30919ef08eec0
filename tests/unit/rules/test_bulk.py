"""What a preview of a caseload says of itself, and when a launch may rely on it (BULK-2)."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from engine.errors import Denied
from engine.rules import bulk
from engine.rules.bulk import BulkChoice, BulkLine, BulkPlan, RecipientLoad
from engine.rules.content import ContentClass, Outcome
from engine.states.choices import Options

SOURCE, ANNE, BRUNO = UUID(int=1), UUID(int=2), UUID(int=3)
C, To = ContentClass, Outcome


LOST = {(C.TASK, To.DELETED): 1, (C.UPCOMING_APPOINTMENT, To.CANCELLED): 2}


def choice(**more: object) -> BulkChoice:
    return replace(BulkChoice(from_id=SOURCE, to_ids=(ANNE, BRUNO)), **more)  # type: ignore[arg-type]


DEFAULT = choice()


def line(number: int, **more: object) -> BulkLine:
    made = BulkLine(
        record_id=UUID(int=100 + number),
        number=f"D-{number}",
        confidential=False,
        to_id=ANNE,
        blocked=None,
        blocks=(),
        open_transfer_id=None,
        reassigns=False,
        options=Options(),
        copy_kept=True,
        counts={(C.NOTE, To.MOVED): 3, **LOST},
    )
    return replace(made, **more)  # type: ignore[arg-type]


def plan(*lines: BulkLine, choice: BulkChoice = DEFAULT) -> BulkPlan:
    return BulkPlan(
        organization_id=UUID(int=9),
        choice=choice,
        recipients=tuple(RecipientLoad(member_id=who, active=4, asked=1, added=2) for who in (ANNE, BRUNO)),
        lines=lines or (line(1), line(2)),
        confidential_left_out=0,
        not_selected=0,
    )


def with_first(**more: object) -> BulkPlan:
    return plan(line(1, **more), line(2))


class TestFingerprint:
    def test_is_a_sha256_that_the_order_of_lines_does_not_change(self) -> None:
        first, second = plan(line(1), line(2)), plan(line(2), line(1))

        assert len(bytes.fromhex(bulk.fingerprint(first))) == 32
        assert bulk.fingerprint(first) == bulk.fingerprint(second)

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda: plan(line(1)), id="a record less"),
            pytest.param(lambda: with_first(to_id=BRUNO), id="recipient"),
            pytest.param(lambda: with_first(blocked="ELIG-4", counts={}), id="blocked"),
            pytest.param(lambda: with_first(counts={**LOST, (C.TASK, To.DELETED): 2}), id="deleted"),
            pytest.param(lambda: with_first(counts={**LOST, (C.RAW_DATA, To.WITHHELD): 1}), id="withheld"),
            pytest.param(
                lambda: with_first(counts={**LOST, (C.UPCOMING_APPOINTMENT, To.CANCELLED): 1}), id="cancelled"
            ),
            pytest.param(lambda: plan(choice=choice(reassign_open=True)), id="reassigning"),
            pytest.param(
                lambda: plan(choice=choice(options=Options(include_confidential=True))), id="options"
            ),
        ],
    )
    def test_changes_with_what_a_launch_must_not_find_changed(self, change: Callable[[], BulkPlan]) -> None:
        """BULK-2: records, recipients, blocks, what is withheld, deleted or cancelled; the choice."""
        with pytest.raises(Denied) as denied:
            bulk.check(change(), bulk.fingerprint(plan()))

        assert denied.value.key == "BULK-2/changed"

    def test_does_not_cover_what_moves(self) -> None:
        """BULK-2: the leaver goes on writing notes while the coordinator reads the preview."""
        busier = {(C.NOTE, To.MOVED): 9, (C.INVOICE, To.KEPT): 4}

        bulk.check(with_first(counts=busier | LOST), bulk.fingerprint(plan()))

    def test_a_launch_without_one_made_no_preview(self) -> None:
        bulk.check(plan(), None)


class TestCounts:
    def test_totals_add_up_over_every_line(self) -> None:
        assert plan().totals == {
            (C.NOTE, To.MOVED): 6,
            (C.TASK, To.DELETED): 2,
            (C.UPCOMING_APPOINTMENT, To.CANCELLED): 4,
        }

    def test_what_is_withheld_or_deleted_is_destroyed_later(self) -> None:
        counts = {(C.RAW_DATA, To.WITHHELD): 2, (C.MEMO, To.DELETED): 1, (C.NOTE, To.MOVED): 5}

        assert bulk.destroyed_later(counts) == {C.RAW_DATA: 2, C.MEMO: 1}

    def test_nobody_counts_what_is_its_authors_alone(self) -> None:
        """VIS-6."""
        items = {C.COLLABORATOR_CONFIDENTIAL: 2, C.NOTE: 1, C.TASK: 0}

        assert bulk.counted(items, dict.fromkeys(ContentClass, To.MOVED)) == {(C.NOTE, To.MOVED): 1}
