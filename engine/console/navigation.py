"""
Where the pages are, and who finds them in the menu.

Each area adds its entries here. Pages that people of several roles share have one owner: `/`, `/needs-you`,
`/transfers` and `/transfers/{id}` are the practice's; `/bulk/{id}` is the management's, and sends somebody
whom a bulk asks, and who is no coordinator, to `/bulk/{id}/answer`, which is the practice's.
"""

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from engine.states.choices import Role


def N_(sentence: str) -> str:  # noqa: N802 - the name that gettext's tools know
    """Mark a sentence for the catalogues; it is translated where it is shown."""
    return sentence


class Entry(NamedTuple):
    """A line of the menu."""

    path: str
    name: str
    #: Which of the drawings in `parts/icons.html` goes before it.
    icon: str


class Section(NamedTuple):
    """What a role finds in the menu, under its heading."""

    role: Role
    name: str
    entries: tuple[Entry, ...]


SECTIONS: Final = (
    Section(
        Role.PRACTITIONER,
        N_("My practice"),
        (
            Entry("/records", N_("My records"), "folder"),
            Entry("/transfers", N_("Ongoing transfers"), "arrows"),
        ),
    ),
    Section(
        Role.COORDINATOR,
        N_("Coordination"),
        (
            Entry("/coordination", N_("Record management"), "people"),
            Entry("/oversight", N_("All ongoing transfers"), "arrows"),
            Entry("/bulk", N_("Transfers of caseloads"), "folder"),
            Entry("/calls", N_("Clients to call"), "phone"),
        ),
    ),
    Section(
        Role.ADMINISTRATOR,
        N_("Administration"),
        (
            Entry("/management/members", N_("User management"), "people"),
            Entry("/management/policies", N_("Policies"), "gear"),
            Entry("/management/quarantine", N_("Quarantine"), "lock"),
            Entry("/management/organization", N_("Organization"), "home"),
        ),
    ),
)


def menu(roles: Collection[Role]) -> Iterator[Section]:
    """Give what somebody finds in their menu."""
    return (section for section in SECTIONS if section.role in roles)
