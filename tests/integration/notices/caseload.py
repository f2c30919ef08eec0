"""A caseload whose records are asked for one by one, when the test says."""

from collections.abc import Iterator
from uuid import UUID, uuid4

from engine.activities.bulk_steps import BulkSteps
from engine.messages.bulk import BulkLaunch
from engine.messages.transfer import StepInput
from engine.records import bulks
from engine.states.choices import Purpose
from tests import build
from tests.integration.handover.clinic import Clinic


def asked_one_by_one(clinic: Clinic, count: int) -> Iterator[UUID]:
    """Launch a caseload of so many records to the new owner; each step asks for the next one."""
    world, source, bulk_id = clinic.world, clinic.colleague(), uuid4()
    with clinic.database.write() as session:
        for _ in range(count):
            build.record(session, source, [world.client])
    launch = BulkLaunch(
        bulk_id=bulk_id,
        organization_id=world.organization,
        actor_id=world.coordinator,
        from_id=source,
        to_ids=(world.new_owner,),
        purpose=Purpose.DEPARTURE,
    )
    launched = BulkSteps(clinic.database).launch(StepInput(what=launch, at=clinic.now))
    assert launched.denied is None
    with clinic.database.read() as session:
        items = bulks.waiting(session, bulk_id, after=-1, limit=count)
    assert len(items) == count
    for item in items:
        yield clinic.ask(
            transfer_id=item.transfer_id,
            record_id=item.record_id,
            by=world.coordinator,
            purpose=Purpose.DEPARTURE,
            bulk_id=bulk_id,
        )
