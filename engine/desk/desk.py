"""The whole desk: what a practice does with the database alone."""

from engine.desk.clients import ClientsDesk
from engine.desk.looking import LookingDesk
from engine.desk.membership import MembersDesk
from engine.desk.people import PeopleDesk
from engine.desk.records import RecordsDesk


class Desk(PeopleDesk, MembersDesk, ClientsDesk, RecordsDesk, LookingDesk):
    """People, clients, records, and looking; ``actor_id`` is always who acts."""
