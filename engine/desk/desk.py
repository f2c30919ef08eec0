"""The whole desk: what a practice does with the database alone."""

from engine.desk.bulk_preview import BulkPreviewDesk
from engine.desk.bulks import BulksDesk
from engine.desk.clients import ClientsDesk
from engine.desk.coordinating import CoordinatingDesk
from engine.desk.emergencies import EmergenciesDesk
from engine.desk.exporting import ExportingDesk
from engine.desk.held import HeldDesk
from engine.desk.identities import IdentitiesDesk
from engine.desk.importing import ImportDesk
from engine.desk.items import ItemsDesk
from engine.desk.looking import LookingDesk
from engine.desk.membership import MembersDesk
from engine.desk.notes import NotesDesk
from engine.desk.notices import NoticesDesk
from engine.desk.openings import OpeningsDesk
from engine.desk.people import PeopleDesk
from engine.desk.proving import ProvingDesk
from engine.desk.quarantine import QuarantineDesk
from engine.desk.records import RecordsDesk
from engine.desk.roles import RolesDesk
from engine.desk.sessions import SessionsDesk
from engine.desk.watching import WatchingDesk


class Desk(
    PeopleDesk,
    MembersDesk,
    RolesDesk,
    IdentitiesDesk,
    CoordinatingDesk,
    ClientsDesk,
    RecordsDesk,
    NotesDesk,
    ItemsDesk,
    EmergenciesDesk,
    ExportingDesk,
    LookingDesk,
    WatchingDesk,
    QuarantineDesk,
    OpeningsDesk,
    ImportDesk,
    NoticesDesk,
    HeldDesk,
    SessionsDesk,
    ProvingDesk,
    BulkPreviewDesk,
    BulksDesk,
):
    """People, clients, records, imports, and looking; ``actor_id`` is always who acts."""
