"""Wires the rooms together for one process: the database of a data folder, a desk, a service."""

from datetime import timedelta

from engine.desk.desk import Desk
from engine.records.database import Database
from engine.settings import Settings

#: How long a command waits for a database that does not answer.
PATIENCE = timedelta(seconds=60)


def open_desk(settings: Settings, *, os_uid: int | None, patience: timedelta = PATIENCE) -> Desk:
    """Open a desk on the database, whether it is there or not."""
    return Desk(Database(settings.database_file), os_uid=os_uid, patience=patience)


def prepare_database(settings: Settings) -> None:
    """Create the database, or bring it to this version. Raises ``Unavailable``."""
    settings.make_folder()
    database = Database(settings.database_file)
    database.upgrade()
    database.close()
