"""A clinic with names and dates that read like a real one, made at the desk; a test adds its own records."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from engine.desk.desk import Desk
from engine.states.choices import Role

ADMIN, LEA, MAX, CORALIE, NOUR = (f"{name}@parc.example" for name in ("ada", "lea", "max", "coralie", "nour"))


@dataclass
class Clinic:
    """The people by address, and the desk to make their records at."""

    desk: Desk
    people: dict[str, UUID] = field(default_factory=dict)

    def record(self, owner: str, number: str, title: str, client: str) -> UUID:
        """Open a record with something of each class that its owner writes."""
        desk, actor, now = self.desk, self.people[owner], datetime.now(UTC)
        made = desk.add_record(
            actor,
            title=title,
            client=client,
            client_email=f"{number.lower()}@courriel.example",
            number=number,
            email=f"{number.lower()}@courriel.example",
            reason_for_consultation="Difficultés de sommeil depuis l'hiver.",
            opened_on=date(2026, 2, 3),
        ).id
        for text in ("Premier entretien. Objectifs convenus.", "Deuxième séance. Exercices de respiration."):
            desk.add_note(actor, made, text, signed=True)
        desk.add_note(
            actor, made, "À vérifier avec la personne : médication.", confidential=True, signed=True
        )
        desk.add_note(actor, made, "Brouillon : synthèse du mois.")
        desk.add_document(actor, made, b"%PDF-1.4", name="Plan de soins.pdf", media_type="application/pdf")
        desk.add_document(actor, made, b"1;2;3", name="Protocole.csv", media_type="text/csv", raw_data=True)
        desk.add_invoice(
            actor, made, number=f"F-{number}", amount_cents=12_000, currency="CAD", issued_on=date(2026, 3, 2)
        )
        desk.add_task(actor, made, "Envoyer le questionnaire")
        desk.add_memo(actor, made, "Préfère le matin")
        start = now + timedelta(days=9)
        desk.add_appointment(actor, made, starts_at=start, ends_at=start + timedelta(hours=1))
        return made


def build(desk: Desk) -> Clinic:
    """Make the organization and its members."""
    made = desk.create_organization(
        "Clinique du Parc",
        administrator=ADMIN,
        first_name="Ada",
        last_name="Morin",
        language="fr",
        time_zone="America/Toronto",
    )
    clinic = Clinic(desk, {ADMIN: made.administrator_id})
    for email, first, last, title, role in (
        (LEA, "Léa", "Roy", "Psychologue", Role.PRACTITIONER),
        (MAX, "Max", "Côté", "Psychologue", Role.PRACTITIONER),
        (NOUR, "Nour", "Haddad", "Travailleuse sociale", Role.PRACTITIONER),
        (CORALIE, "Coralie", "Dubois", "", Role.COORDINATOR),
    ):
        clinic.people[email] = desk.add_member(
            made.administrator_id,
            email=email,
            first_name=first,
            last_name=last,
            title=title,
            language="fr",
            roles=[role],
        ).id
    for number, title, client in (
        ("D-00101", "Sommeil et anxiété", "Dominique Tremblay"),
        ("D-00102", "Suivi de deuil", "Claude Bouchard"),
        ("D-00103", "Soutien à la parentalité", "Sasha Gagnon"),
    ):
        clinic.record(LEA, number, title, client)
    clinic.record(MAX, "D-00201", "Retour au travail", "Alex Lavoie")
    return clinic
