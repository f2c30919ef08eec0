"""Small bundles: one practitioner, patients with an encounter, a note and a claim each."""

import base64
from typing import Any


def note_text(patient: str) -> bytes:
    """Give the bytes of a patient's note."""
    return f"Première rencontre de {patient}: tout va bien.\r\n".encode()


def resources(patient: str, practitioner: str = "Practitioner/d") -> list[dict[str, Any]]:
    """Give what one patient brings along; all of it refers to a practitioner."""
    about = {"reference": f"Patient/{patient}"}
    author = {"reference": practitioner}
    return [
        {"resourceType": "Patient", "id": patient, "name": [{"family": "Tremblay", "given": [patient]}]},
        {
            "resourceType": "Encounter",
            "id": f"{patient}-e",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": about,
            "participant": [{"individual": author}],
            "period": {"start": "2020-01-01T10:00:00Z", "end": "2020-01-01T11:00:00Z"},
        },
        {
            "resourceType": "DocumentReference",
            "id": f"{patient}-n",
            "status": "current",
            "subject": about,
            "author": [author],
            "date": "2020-01-01T11:00:00Z",
            "content": [
                {
                    "attachment": {
                        "contentType": "text/plain; charset=utf-8",
                        "data": base64.b64encode(note_text(patient)).decode(),
                    }
                }
            ],
        },
        {
            "resourceType": "Claim",
            "id": f"{patient}-c",
            "status": "active",
            "patient": about,
            "created": "2020-01-02",
            "provider": author,
            "total": {"value": 85.5, "currency": "CAD"},
        },
    ]


def practitioner(name: str = "d") -> dict[str, Any]:
    """Give a practitioner."""
    return {
        "resourceType": "Practitioner",
        "id": name,
        "identifier": [{"system": "npi", "value": f"1-{name}"}],
        "name": [{"family": "Roy", "given": ["Ana"]}],
    }


def bundle(*found: dict[str, Any], urls: bool = False) -> dict[str, Any]:
    """Put resources into a bundle; with ``urls``, each under a URN."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"resource": one} | ({"fullUrl": f"urn:uuid:{one['id']}"} if urls else {}) for one in found
        ],
    }


def of_patients(*patients: str) -> dict[str, Any]:
    """Give a bundle of patients with their practitioner."""
    return bundle(practitioner(), *(one for patient in patients for one in resources(patient)))
