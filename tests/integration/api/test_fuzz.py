"""Whatever the description allows, and what it does not, is answered as it says: by every role (slow)."""

from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from engine.errors import Unavailable
from tests.integration.api.client import Http
from tests.integration.handover.clinic import Clinic

pytestmark = pytest.mark.slow

ROLES = ("owner", "new_owner", "coordinator", "administrator", "elsewhere", "service", "nobody")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
#: Examples for each operation and role: sixty operations answer some thousand requests.
EXAMPLES = 12
#: There is no Temporal server behind this one.
_WITHOUT_SERVER = ("/readyz",)


def headers_of(http: Http, clinic: Clinic, elsewhere: Clinic, role: str) -> dict[str, str]:
    if role == "nobody":
        return {}
    if role == "service":
        token = http.desk.add_service(clinic.world.administrator, "Agenda").token
        return {"Authorization": f"Bearer {token}", "Passation-On-Behalf-Of": str(clinic.world.owner)}
    who = elsewhere.world.owner if role == "elsewhere" else getattr(clinic.world, role)
    return {"Authorization": f"Bearer {http.token(who)}"}


@pytest.mark.parametrize("role", ROLES)
def test_every_operation(clinic: Clinic, elsewhere: Clinic, tmp_path: Path, role: str) -> None:
    http = Http(clinic.database, tmp_path / "data", web_rate=1e9)
    headers = headers_of(http, clinic, elsewhere, role)
    # Nothing launches a caseload here: an outage is what is answered, and what the description says.
    http.app.state.service.bulks._connect = no_server
    schema = schemathesis.openapi.from_asgi("/openapi.json", http.app)
    asked, wrong = 0, []
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        if operation.path in _WITHOUT_SERVER:
            continue
        try:
            asked += ask(operation, headers)
        except Exception as error:  # noqa: BLE001 - every operation is asked, and all that is wrong told
            wrong.append(f"{operation.label}: {error}")

    assert wrong == []
    assert asked > 500


async def no_server() -> Any:  # noqa: ANN401
    raise Unavailable("temporal_unavailable")


def ask(operation: Any, headers: dict[str, str]) -> int:  # noqa: ANN401 - schemathesis has no public name for it
    """Send examples of one operation; give how many."""
    asked = 0

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def one(case: Any) -> None:  # noqa: ANN401
        nonlocal asked
        asked += 1
        for name in ("Authorization", "Passation-On-Behalf-Of", "Passation-Organization"):
            (case.headers or {}).pop(name, None)
        answer = case.call(headers=headers)
        away = answer.status_code == 503 and answer.json()["code"] == "unavailable"
        case.validate_response(answer, checks=CHECKS[1:] if away else CHECKS)

    one()
    return asked
