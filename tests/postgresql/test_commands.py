"""The commands on a database on a server: created, used, examined, and missed."""

from pathlib import Path

import pytest

from tests.acceptance.command import ADMIN, Cli, inside
from tests.postgresql.server import Server

pytestmark = pytest.mark.postgresql


def test_organization_is_created_and_doctor_finds_its_database(
    postgresql: Server, empty: str, tmp_path: Path
) -> None:
    cli, url = Cli(tmp_path / "data"), postgresql.url(empty).render_as_string(hide_password=False)
    created = cli.process(
        "org", "create", "Clinique du Parc", "--administrator", ADMIN, "--json", PASSATION_DATABASE=url
    )
    assert created.code == 0, created.err

    examined = cli.process("doctor", "--json", PASSATION_DATABASE=url)

    found = {check["name"]: check["ok"] for check in examined.json["checks"]}
    assert [found[name] for name in ("database", "integrity", "log", "stuck")] == [True] * 4
    assert not cli.database.exists()
    members = cli.process("member", "list", "--as", ADMIN, "--json", PASSATION_DATABASE=url)
    assert (members.code, members.out.count(ADMIN)) == (0, 1)


def test_database_that_does_not_answer_is_named_by_doctor(postgresql: Server, tmp_path: Path) -> None:
    url = postgresql.url("absent").render_as_string(hide_password=False)
    examined = inside("doctor", "--json", PASSATION_DATA=str(tmp_path), PASSATION_DATABASE=url)

    assert {check["name"]: check["ok"] for check in examined.json["checks"]}["database"] is False


@pytest.mark.parametrize(
    "url", ["mysql://u:planted@db.example/passation", "postgresql://u:planted@db.example", "planted.db"]
)
def test_another_url_is_a_wrong_setting_and_stays_secret(url: str, tmp_path: Path) -> None:
    refused = inside(
        "member", "list", "--as", ADMIN, "--json", PASSATION_DATA=str(tmp_path), PASSATION_DATABASE=url
    )

    assert (refused.code, refused.error["key"]) == (2, "bad_input/setting")
    assert "database" in refused.error["message"]
    assert "planted" not in refused.out + refused.err
