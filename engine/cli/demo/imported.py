"""A clinic whose records are imported from FHIR bundles, with what these lack invented on top."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from engine.cli.demo.clinic import SEED, Clinic
from engine.desk.desk import Desk
from engine.errors import BadInput
from engine.fhir.enriching import mark
from engine.fhir.importing import import_fhir
from engine.settings import Language
from engine.states.choices import Role
from engine.views import MemberView, RecordView

_ADDRESS: Final = "deux-rives.example"
_NAME: Final = "Fictif"
#: For practitioners of whom the bundles do not say it.
_TITLE: Final = "psychologue"
#: Nobody's in the bundles, so that raw data must not go there (ELIG-5).
_WITHOUT_RAW_DATA: Final = "conseil en démonstrations"


@dataclass(frozen=True, slots=True)
class ImportedClinic(Clinic):
    """The practitioners of the bundles, and a colleague whose title is not on the raw-data list."""

    #: Of the record at each place.
    owners: list[MemberView]
    #: Who take over from each other: all of them may hold raw data.
    takers: list[MemberView]
    colleague: MemberView

    def owner_of(self, place: int) -> MemberView:
        """Give the practitioner who became responsible for the record at this place."""
        return self.owners[place]

    def next_to(self, place: int, steps: int = 1) -> MemberView:
        """Give the next of the owners; further away, the colleague."""
        if steps > 1:
            return self.colleague
        return self.takers[(self.takers.index(self.owners[place]) + 1) % len(self.takers)]


def import_clinic(
    desk: Desk, path: Path, fewest: int, language: Language, progress: Callable[[str, int, int], None]
) -> Clinic:
    """Import a folder or a bundle into a new organization. Raises ``BadInput``."""
    organization = desk.create_organization(
        "Clinique des Deux-Rives",
        administrator=f"direction@{_ADDRESS}",
        first_name="Dominique",
        last_name=_NAME,
        language=language,
        time_zone="America/Toronto",
    )
    administrator = organization.administrator_id
    report = import_fhir(desk, administrator, [path], seed=SEED, progress=progress)
    if len(report.records) < fewest:
        raise BadInput("demo_patients", fewest=fewest, found=len(report.records))
    found = _owned(desk, administrator)
    people = list({owner.id: owner for _, owner in found}.values())
    title = next((person.title for person in people if person.title), _TITLE)
    people = [
        person if person.title else desk.set_title(administrator, person.id, title) for person in people
    ]
    if len(people) == 1:
        people.append(_member(desk, administrator, "Maxime", title))
    desk.set_policy(administrator, raw_data_titles=sorted({person.title for person in people}))
    colleague = _member(desk, administrator, "Andrée", _WITHOUT_RAW_DATA)
    coordinator = _member(desk, administrator, "Claude", "", Role.COORDINATOR)
    return ImportedClinic(
        organization_id=organization.id,
        administrator_id=administrator,
        coordinator=coordinator,
        practitioners=[*people, colleague],
        leaver=None,
        records=[record for record, _ in found],
        count=len(found),
        marker=mark(SEED),
        owners=[next(person for person in people if person.id == owner.id) for _, owner in found],
        takers=people,
        colleague=colleague,
    )


def _owned(desk: Desk, administrator: UUID) -> list[tuple[RecordView, MemberView]]:
    found = [
        (record, member)
        for member in desk.members(administrator)
        if Role.PRACTITIONER in member.roles and member.active
        for record in desk.records(member.id)
        if record.relation.value == "owner"
    ]
    return sorted(found, key=lambda one: one[0].number)


def _member(
    desk: Desk, administrator: UUID, first: str, title: str, role: Role = Role.PRACTITIONER
) -> MemberView:
    return desk.add_member(
        administrator,
        email=f"{first.lower().replace('é', 'e')}@{_ADDRESS}",
        first_name=first,
        last_name=_NAME,
        title=title,
        language="fr",
        roles=[role],
    )
