"""A caseload on its way: the steps of a bulk, and those of its transfers as its pages run them."""

from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

from engine.activities.bulk_steps import BulkSteps
from engine.messages.bulk import BulkCommand, BulkLaunch, BulkLook, BulkResult, BulkStop
from engine.messages.transfer import StepInput, StepResult
from engine.records import bulks
from engine.records.bulks import Waiting
from engine.records.tables.base import TextKind
from engine.states.choices import Purpose
from tests.integration.handover.clinic import Clinic


class Caseload:
    """The owner's caseload on its way to the new owner."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic = clinic
        self.steps = BulkSteps(clinic.database)
        self.bulk_id = uuid4()

    def launch(self, **more: Any) -> BulkResult:  # noqa: ANN401
        """Run the step ``launch``, as the coordinator unless the test says otherwise."""
        world = self.clinic.world
        fields: dict[str, Any] = {
            "bulk_id": self.bulk_id,
            "organization_id": world.organization,
            "actor_id": world.coordinator,
            "from_id": world.owner,
            "to_ids": (world.new_owner,),
            "purpose": Purpose.DEPARTURE,
        }
        return self.steps.launch(StepInput(what=BulkLaunch(**(fields | more)), at=self.clinic.now))

    def command(self, name: str, *, by: UUID | None = None, **more: Any) -> BulkResult:  # noqa: ANN401
        """Run a coordinator's step."""
        made = (BulkStop if name == "stop" else BulkCommand)(
            bulk_id=self.bulk_id,
            command_id=more.pop("command_id", None) or uuid4(),
            actor_id=by or self.clinic.world.coordinator,
            **more,
        )
        result: BulkResult = getattr(self.steps, name)(StepInput(what=made, at=self.clinic.now))
        return result

    def watch(self) -> BulkResult:
        """Run the step ``watch``."""
        return self.steps.watch(StepInput(what=BulkLook(bulk_id=self.bulk_id), at=self.clinic.now))

    def waiting(self) -> list[Waiting]:
        """Give what is to be asked for."""
        with self.clinic.database.read() as session:
            return bulks.waiting(session, self.bulk_id, after=-1, limit=100)

    def ask(self, item: Waiting, **more: Any) -> StepResult:  # noqa: ANN401
        """Run a transfer's first step as the bulk's page does, unless the test says otherwise."""
        fields: dict[str, Any] = {
            "transfer_id": item.transfer_id,
            "record_id": item.record_id,
            "by": self.clinic.world.coordinator,
            "to": item.to_id,
            "purpose": Purpose.DEPARTURE,
            "bulk_id": self.bulk_id,
        }
        return self.clinic.open(self.clinic.request(**(fields | more)))

    def step_in(self, item: Waiting, step: str, **more: Any) -> StepResult:  # noqa: ANN401
        """Reassign or impose what is open as the bulk's page does, unless the test says otherwise."""
        fields = {
            "command_id": item.transfer_id,
            "reason_id": more.pop("reason_id", None) or self.reason,
            "bulk_id": self.bulk_id,
        }
        assert item.reassigns is not None
        result: StepResult = getattr(self.clinic, step)(item.reassigns, item.to_id, **(fields | more))
        return result

    @cached_property
    def reason(self) -> UUID:
        """Give the coordinator's reason."""
        return self.clinic.text(self.clinic.world.coordinator, TextKind.REASON)

    def counts(self) -> dict[str, int]:
        """Say how many stand where."""
        with self.clinic.database.read() as session:
            return bulks.counts(session, self.bulk_id)
