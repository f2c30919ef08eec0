"""Wires the rooms together for one process: the database, a desk, a service."""

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from engine.audit.keys import Signer
from engine.desk.desk import Desk
from engine.errors import BadInput
from engine.records.database import Database
from engine.settings import Settings

if TYPE_CHECKING:
    from engine.service import Service

#: How long a command waits for a database that does not answer.
PATIENCE = timedelta(seconds=60)


def open_database(settings: Settings) -> Database:
    """Open the database that the settings name: a PostgreSQL server's, or the file of the data folder."""
    if settings.database is None:
        return Database(settings.database_file)
    try:
        url = make_url(settings.database.get_secret_value())
    except ArgumentError:
        raise BadInput("setting", name="database") from None
    return Database(url)


def open_signer(settings: Settings, *, may_create: bool | None = None) -> Signer:
    """
    Open the folder of keys; unless the caller knows better, keys are made where every process will find them.

    A command on some machine that shares only the database must not make the key of an organization there.
    """
    if may_create is None:
        may_create = settings.database is None or settings.keys is not None
    return Signer(settings.keys_folder, may_create=may_create)


def open_desk(settings: Settings, *, os_uid: int | None, patience: timedelta = PATIENCE) -> Desk:
    """Open a desk on the database, whether it is there or not."""
    return Desk(open_database(settings), os_uid=os_uid, patience=patience, signer=open_signer(settings))


def open_service(settings: Settings, desk: Desk | None = None, *, os_uid: int | None = None) -> "Service":
    """Open the service, on a desk of its own or on one; it connects to the Temporal server when it must."""
    # Loaded here: a command that needs the database alone does not wait for Temporal's library.
    from engine.service import Service  # noqa: PLC0415
    from engine.temporal.connection import connect  # noqa: PLC0415

    return Service(desk or open_desk(settings, os_uid=os_uid), lambda: connect(settings), os_uid=os_uid)


def prepare_database(settings: Settings) -> None:
    """Create the database, or bring it to this version. Raises ``Unavailable``."""
    settings.make_folder()
    database = open_database(settings)
    database.upgrade()
    database.close()
