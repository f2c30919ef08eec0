"""The whole desk: what a practice does with the database alone."""

from engine.desk.importing import ImportDesk
from engine.desk.looking import LookingDesk
from engine.desk.people import PeopleDesk
from engine.desk.records import RecordsDesk


class Desk(PeopleDesk, RecordsDesk, LookingDesk, ImportDesk):
    """People, records, imports, and looking; ``actor_id`` is always who acts."""
