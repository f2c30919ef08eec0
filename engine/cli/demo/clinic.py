"""An invented clinic in Québec: people, and records with every class of item, the same at every run."""

import json
import random
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from engine.desk.desk import Desk
from engine.errors import BadInput
from engine.states.choices import Role, ShareLevel
from engine.views import MemberView, RecordView

if TYPE_CHECKING:
    from faker import Faker

SEED: Final = 1867
#: Titles whose holders may receive raw data here (ELIG-5).
RAW_DATA_TITLES: Final = ("psychologue",)
#: How many records have every class of item; the others have a choice of them.
COMPLETE: Final = 6
#: How many records are not of the one who leaves, where there are enough.
_OF_OTHERS: Final = 12
#: The fewest records of the one who leaves.
_OF_LEAVER: Final = 4
#: The fewest records that an invented clinic has.
FEWEST_INVENTED: Final = COMPLETE + 2 + _OF_LEAVER

#: First the two whose titles allow raw data; feminine and masculine titles go with the first names.
_TITLES: Final = (
    ("psychologue", "female"),
    ("psychologue", "male"),
    ("travailleuse sociale", "female"),
    ("psychoéducateur", "male"),
    ("orthophoniste", "female"),
    ("ergothérapeute", "male"),
)
_SUBJECTS: Final = (
    ("Suivi individuel", "anxiété"),
    ("Évaluation psychologique", "concentration"),
    ("Suivi familial", "séparation des parents"),
    ("Accompagnement scolaire", "absences répétées"),
    ("Thérapie du langage", "retard de langage"),
    ("Réadaptation", "retour au travail"),
    ("Suivi de deuil", "perte récente"),
    ("Consultation de couple", "communication"),
)
_RELATIONSHIPS: Final = ("mère", "père", "école", "médecin de famille", "éducatrice")
_LANGUAGES: Final = ("fr", "fr", "fr", "en")
_TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class _Speaker:
    """Invents names of the country, and texts in words of the language."""

    names: "Faker"
    prose: "Faker"


@dataclass(frozen=True, slots=True)
class Clinic:
    """The clinic's people and records; a practitioner's place in the list decides who hands what to whom."""

    organization_id: UUID
    administrator_id: UUID
    coordinator: MemberView
    practitioners: list[MemberView]
    #: Who has a caseload that is handed over at once; where nobody was invented for that, any practitioner.
    leaver: MemberView | None
    #: Those whose places the scenes name; the leaver's are not among them.
    records: list[RecordView]
    #: How many records there are in all.
    count: int
    #: Planted in every text, title and address: it must never leave the database.
    marker: str

    def owner_of(self, place: int) -> MemberView:
        """Give the practitioner who opened the record at this place."""
        return self.practitioners[place % len(self.practitioners)]

    def next_to(self, place: int, steps: int = 1) -> MemberView:
        """Give a colleague of the record's owner."""
        return self.owner_of(place + steps)


@dataclass(slots=True)
class Inventor:
    """Invents the clinic through the desk, as a practice would fill it."""

    desk: Desk
    on_record: Callable[[], None] = field(default=lambda: None)

    def invent(self, count: int) -> Clinic:
        """Invent people and so many records; ``on_record`` is called after each."""
        tongues = _speakers()
        chance = random.Random(SEED)
        marker = f"canari-{chance.getrandbits(32):08x}"
        organization = self.desk.create_organization(
            "Clinique des Deux-Rives",
            administrator="direction@deux-rives.example",
            first_name=tongues["fr"].names.first_name_female(),
            last_name=tongues["fr"].names.last_name(),
            language="fr",
            time_zone="America/Toronto",
        )
        administrator_id = organization.administrator_id
        people = [self._member(administrator_id, tongues["fr"], title, sex) for title, sex in _TITLES]
        coordinator = self._member(
            administrator_id, tongues["fr"], "coordonnatrice", "female", Role.COORDINATOR
        )
        leaver = self._member(administrator_id, tongues["fr"], "psychologue", "female")
        self.desk.set_policy(administrator_id, raw_data_titles=RAW_DATA_TITLES)
        records = []
        of_others = min(_OF_OTHERS, count - _OF_LEAVER)
        for place in range(count):
            owner = people[place % len(people)] if place < of_others else leaver
            others = [person for person in people if person is not owner]
            author = _Author(self.desk, tongues, random.Random(f"{SEED}/{place}"), marker, owner, others)
            written = author.write(place)
            if place < of_others:
                records.append(written)
            self.on_record()
        return Clinic(organization.id, administrator_id, coordinator, people, leaver, records, count, marker)

    def _member(
        self, administrator_id: UUID, speaker: _Speaker, title: str, sex: str, role: Role = Role.PRACTITIONER
    ) -> MemberView:
        first = (
            speaker.names.unique.first_name_female()
            if sex == "female"
            else speaker.names.unique.first_name_male()
        )
        last = speaker.names.unique.last_name()
        return self.desk.add_member(
            administrator_id,
            email=_address(first, last),
            first_name=first,
            last_name=last,
            title=title,
            language="fr",
            roles=[role],
        )


@dataclass(slots=True)
class _Author:
    """Writes one record with its items, in its owner's name and in collaborators' names."""

    desk: Desk
    tongues: Mapping[str, _Speaker]
    chance: random.Random
    marker: str
    owner: MemberView
    others: list[MemberView]

    def write(self, place: int) -> RecordView:
        language = self.chance.choice(_LANGUAGES)
        speaker = self.tongues[language]
        first, last = speaker.names.first_name(), speaker.names.last_name()
        title, reason = self.chance.choice(_SUBJECTS)
        record = self.desk.add_record(
            self.owner.id,
            title=f"{title} ({self.marker})",
            client=f"{first} {last}",
            client_email=_address(first, last, self.marker),
            client_language=language,
            email=_address("dossier", last, self.marker),
            reason_for_consultation=f"{reason.capitalize()} ({self.marker})",
            # One of those that are handed over all at once, and then every tenth.
            confidential=place % 10 == COMPLETE + 1,
            opened_on=date.today() - timedelta(days=self.chance.randrange(30, 900)),  # noqa: DTZ011 - a day here
        )
        self._owners_items(record.id, speaker, everything=place < COMPLETE)
        if place < COMPLETE:
            self._collaborators_items(record.id, speaker)
        elif self._maybe(0.3):
            self._share(record.id, self.chance.choice(self.others), self.chance.choice(list(ShareLevel)))
        return record

    def _owners_items(self, record_id: UUID, speaker: _Speaker, *, everything: bool) -> None:
        owner = self.owner.id
        self.desk.add_note(owner, record_id, self._text(speaker), signed=True)
        self._document(record_id, "lettre.txt", self._text(speaker).encode())
        self._appointment(owner, record_id, self.chance.randrange(2, 40))
        for likely, write in (
            (0.3, lambda: self.desk.add_note(owner, record_id, self._text(speaker), signed=True)),
            (0.4, lambda: self.desk.add_note(owner, record_id, self._text(speaker))),
            (0.4, lambda: self._confidential_note(record_id, speaker)),
            (0.2, lambda: self._document(record_id, "expertise.bin", self._bytes(), confidential=True)),
            (0.4, lambda: self._document(record_id, "protocole.csv", self._bytes(), raw_data=True)),
            (0.5, lambda: self._profile(record_id, speaker)),
            (0.5, lambda: self._invoice(record_id)),
            (0.4, lambda: self._appointment(owner, record_id, -self.chance.randrange(2, 40))),
            (0.2, lambda: self._appointment(owner, record_id, self.chance.randrange(41, 80))),
            (0.3, lambda: self.desk.add_task(owner, record_id, self._text(speaker))),
            (0.3, lambda: self.desk.add_memo(owner, record_id, self._text(speaker))),
        ):
            if everything or self._maybe(likely):
                write()

    def _collaborators_items(self, record_id: UUID, speaker: _Speaker) -> None:
        """Share with three colleagues, at each level; the one with full access writes too (VIS-6)."""
        reader, writer, full = self.others[-3:]
        self._share(record_id, reader, ShareLevel.READ)
        self._share(record_id, writer, ShareLevel.WRITE, approval=True)
        self._share(record_id, full, ShareLevel.FULL)
        self.desk.add_note(writer.id, record_id, self._text(speaker), signed=True)
        self.desk.add_note(full.id, record_id, self._text(speaker), confidential=True, signed=True)
        self._appointment(full.id, record_id, self.chance.randrange(2, 40))

    def _maybe(self, likely: float) -> bool:
        return self.chance.random() < likely

    def _text(self, speaker: _Speaker) -> str:
        return f"{speaker.prose.paragraph(nb_sentences=4)} ({self.marker})"

    def _bytes(self) -> bytes:
        return f"{self.marker}\n".encode() + self.chance.randbytes(4096)

    def _confidential_note(self, record_id: UUID, speaker: _Speaker) -> None:
        self.desk.add_note(self.owner.id, record_id, self._text(speaker), confidential=True, signed=True)

    def _document(
        self, record_id: UUID, name: str, body: bytes, *, confidential: bool = False, raw_data: bool = False
    ) -> None:
        self.desk.add_document(
            self.owner.id,
            record_id,
            body,
            name=f"{self.marker}-{name}",
            media_type=_TEXT if name.endswith(".txt") else "application/octet-stream",
            confidential=confidential,
            raw_data=raw_data,
        )

    def _profile(self, record_id: UUID, speaker: _Speaker) -> None:
        details = {"note": self.marker, "telephone": speaker.names.phone_number()}
        self.desk.add_profile(
            self.owner.id,
            record_id,
            name=f"{speaker.names.name()} ({self.marker})",
            relationship=self.chance.choice(_RELATIONSHIPS),
            details=json.dumps(details, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(),
        )

    def _invoice(self, record_id: UUID) -> None:
        self.desk.add_invoice(
            self.owner.id,
            record_id,
            number=f"F-{self.chance.randrange(10_000, 99_999)}-{self.marker}",
            amount_cents=self.chance.randrange(9_000, 22_000, 500),
            currency="CAD",
            issued_on=date.today() - timedelta(days=self.chance.randrange(30)),  # noqa: DTZ011 - a day here
        )

    def _appointment(self, holder_id: UUID, record_id: UUID, days: int) -> None:
        day = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=days)
        begins = day.replace(hour=self.chance.randrange(13, 21))
        self.desk.add_appointment(
            holder_id, record_id, starts_at=begins, ends_at=begins + timedelta(minutes=50)
        )

    def _share(self, record_id: UUID, who: MemberView, level: ShareLevel, *, approval: bool = False) -> None:
        self.desk.share(self.owner.id, record_id, who.id, level=level, approval=approval)


def _speakers() -> Mapping[str, _Speaker]:
    try:
        from faker import Faker
    except ModuleNotFoundError:
        raise BadInput("demo_extra") from None
    # French Canada has names of its own, and the words of France.
    found = {
        "fr": _Speaker(Faker("fr_CA"), Faker("fr_FR")),
        "en": _Speaker(Faker("en_CA"), Faker("en_CA")),
    }
    for speaker in found.values():
        speaker.names.seed_instance(SEED)
        speaker.prose.seed_instance(SEED)
    return found


def _address(first: str, last: str, marker: str | None = None) -> str:
    """Make an address in a domain that nobody has (RFC 2606)."""
    plain = unicodedata.normalize("NFKD", f"{first}.{last}").encode("ascii", "ignore").decode().lower()
    name = "".join(letter if letter.isalnum() or letter == "." else "-" for letter in plain)
    return f"{name}@deux-rives.example" if marker is None else f"{name}.{marker}@courriel.example"
