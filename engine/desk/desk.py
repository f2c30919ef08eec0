"""The whole desk: what a practice does with the database alone."""

from engine.desk.items import ItemsDesk
from engine.desk.looking import LookingDesk
from engine.desk.notes import NotesDesk
from engine.desk.people import PeopleDesk
from engine.desk.records import RecordsDesk


class Desk(PeopleDesk, RecordsDesk, NotesDesk, ItemsDesk, LookingDesk):
    """People, records, and looking; ``actor_id`` is always who acts."""
