"""MOVE-6: the power fails in the middle of a destruction; the next one goes on, and nothing is done twice."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from engine.activities.destruction import destroy_page
from engine.activities.killpoints import WHERE
from engine.messages.destruction import DestructionPage
from tests.integration.destruction.test_destruction import DUE, NOTHING_KEPT, state
from tests.integration.handover.clinic import Clinic
from tests.postgresql.places import Place

_ROOT = Path(__file__).parents[3]
_CHILD = """
import sys
from datetime import datetime
from pathlib import Path
from sqlalchemy import make_url
from engine.activities.destruction import destroy_page
from engine.messages.destruction import DestructionPage
from engine.records.database import Database

where = make_url(sys.argv[1]) if "://" in sys.argv[1] else Path(sys.argv[1])
destroy_page(Database(where), DestructionPage(at=datetime.fromisoformat(sys.argv[2])))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("when", "gone"), [("before", 0), ("inside", 0), ("after", 1)])
def test_killed_anywhere_it_is_whole_or_not_at_all(
    clinic: Clinic, place: Place, when: str, gone: int
) -> None:
    """A real SIGKILL of the process that destroys; the checker looks before and after the repetition."""
    full = [clinic.full_record() for _ in range(2)]
    for record in full:
        clinic.hand_over(NOTHING_KEPT, record=record.record)
    clinic.database.close()
    where = (
        place.where if isinstance(place.where, Path) else place.where.render_as_string(hide_password=False)
    )
    killed = subprocess.run(
        [sys.executable, "-c", _CHILD, str(where), DUE.isoformat()],
        env=os.environ | {WHERE: f"destroy:{when}", "PYTHONPATH": str(_ROOT)},
        timeout=60,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    states = [state(clinic, record.holding) for record in full]
    lines = clinic.rows("SELECT subject_id FROM events WHERE action = 'record.destroyed'")
    assert (states.count("destroyed"), len(lines)) == (gone, gone)

    found = destroy_page(clinic.database, DestructionPage(at=DUE + timedelta(hours=1)))

    assert (found.destroyed, found.failed, found.done) == (2 - gone, 0, True)
    assert {state(clinic, record.holding) for record in full} == {"destroyed"}
    lines = clinic.rows("SELECT subject_id FROM events WHERE action = 'record.destroyed'")
    assert sorted(lines) == sorted((str(record.holding),) for record in full)
