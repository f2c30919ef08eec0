"""What the log says of a command at the desk."""

from tests.integration.handover.clinic import Clinic


def last_line(clinic: Clinic) -> tuple[object, ...]:
    """Give the last line of the clinic's log: command, outcome, rule, role, and who."""
    found: tuple[object, ...] = clinic.rows(
        "SELECT action, outcome, rule, role, actor_id FROM events WHERE organization_id = :id"
        " ORDER BY seq DESC LIMIT 1",
        id=clinic.world.organization,
    )[0]
    return found
