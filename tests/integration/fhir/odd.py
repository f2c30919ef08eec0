"""A bundle with something of every type, and odd things put into it."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.integration.fhir import bundles

#: Something of every type that becomes more than a document.
RICH: list[dict[str, Any]] = [
    bundles.practitioner() | {"telecom": [{"system": "email", "value": "a@b.example"}], "active": True},
    {
        "resourceType": "PractitionerRole",
        "id": "r",
        "practitioner": {"identifier": {"system": "npi", "value": "1-d"}},
        "code": [{"coding": [{"display": "Psychology"}], "text": "Psychology"}],
        "specialty": [{"coding": [{"display": "Psychology"}]}],
    },
    *bundles.resources("p", "Practitioner?identifier=npi|1-d"),
    *bundles.resources("q"),
    {
        "resourceType": "RelatedPerson",
        "id": "m",
        "patient": {"reference": "Patient/p"},
        "name": [{"family": "Tremblay"}],
        "relationship": [{"coding": [{"display": "mother"}]}],
    },
    {"resourceType": "Organization", "id": "o", "name": "École", "contact": [{"name": {"text": "A"}}]},
    {
        "resourceType": "DiagnosticReport",
        "id": "x",
        "subject": {"reference": "Patient/p"},
        "performer": [{"reference": "Organization/o"}, {"reference": "PractitionerRole/r"}],
        "effectivePeriod": {"start": "2020-02"},
        "presentedForm": [{"contentType": "text/plain", "data": "QQ==", "title": "Report"}],
    },
    {
        "resourceType": "Appointment",
        "id": "a",
        "status": "booked",
        "start": "2021-01-01T10:00:00Z",
        "end": "2021-01-01T11:00:00Z",
        "participant": [
            {"actor": {"reference": "Patient/p"}},
            {"actor": {"reference": "Practitioner/d"}},
        ],
    },
]
#: What nobody expects, and what almost fits.
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        [
            *("", " ", "\u0000", "\u2028", "\ud800", "2020-02-30", "2020-01-01", "0001-01-01T00:00:00+14:00"),
            *("9999-12-31T23:59:60Z", "Patient/p", "Patient/q", "Patient/gone", "#", "#x", "urn:uuid:1"),
            *("Practitioner?identifier=npi|1-d", "Practitioner?identifier=|", "d", "QQ==", "Q", "text/html"),
            *("1e999999", "en", "9" * 400, "x" * 5000),
        ]
    ),
    st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=3)), max_size=3),
    st.dictionaries(st.sampled_from(["reference", "value", "text", "coding", "start"]), st.integers()),
    st.sampled_from([[{}], [[]], {"reference": {}}, {"identifier": {"value": 1}}, [{"coding": "x"}]]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """List the way to every value inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, found in inner:
        yield (*path, name)
        yield from places(found, (*path, name))


RIGHT = bundles.bundle(*RICH)
PLACES = list(places(RIGHT))


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """Put odd things into some places of a right bundle, or take what is there away."""
    found = copy.deepcopy(RIGHT)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(PLACES))
        inside: Any = found
        try:
            for name in way:
                inside = inside[name]
            if draw(st.booleans()):
                # A copy: what is drawn twice would otherwise come to stand inside itself.
                inside[last] = copy.deepcopy(draw(ODD))
            else:
                del inside[last]
        except (KeyError, IndexError, TypeError):
            continue
    return found
