"""The whole desk: what a practice does with the database alone."""

from engine.desk.looking import LookingDesk
from engine.desk.people import PeopleDesk
from engine.desk.quarantine import QuarantineDesk
from engine.desk.records import RecordsDesk


class Desk(PeopleDesk, RecordsDesk, LookingDesk, QuarantineDesk):
    """People, records, and looking; ``actor_id`` is always who acts."""
