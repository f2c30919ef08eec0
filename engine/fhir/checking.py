"""Is this resource FHIR R4, and does it say what can be? Judged before anything is written."""

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

from engine.errors import BadInput
from engine.fhir.files import Entry

#: The resources of FHIR 4.0.1.
R4: Final = frozenset(
    """
    Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent
    Basic Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement CarePlan CareTeam
    CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem
    Communication
    CommunicationRequest CompartmentDefinition Composition ConceptMap Condition Consent Contract Coverage
    CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric
    DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference
    EffectEvidenceSynthesis
    Encounter Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition Evidence
    EvidenceVariable ExampleScenario ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition Group
    GuidanceResponse HealthcareService ImagingStudy Immunization ImmunizationEvaluation
    ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice Library Linkage List Location Measure
    MeasureReport Media Medication MedicationAdministration MedicationDispense MedicationKnowledge
    MedicationRequest MedicationStatement MedicinalProduct MedicinalProductAuthorization
    MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient
    MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
    MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition MessageHeader
    MolecularSequence NamingSystem NutritionOrder Observation ObservationDefinition OperationDefinition
    OperationOutcome Organization OrganizationAffiliation Parameters Patient PaymentNotice
    PaymentReconciliation Person PlanDefinition Practitioner PractitionerRole Procedure Provenance
    Questionnaire QuestionnaireResponse RelatedPerson RequestGroup ResearchDefinition
    ResearchElementDefinition ResearchStudy ResearchSubject RiskAssessment RiskEvidenceSynthesis Schedule
    SearchParameter ServiceRequest Slot Specimen SpecimenDefinition StructureDefinition StructureMap
    Subscription Substance SubstanceNucleicAcid SubstancePolymer SubstanceProtein
    SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification SupplyDelivery SupplyRequest
    Task TerminologyCapabilities TestReport TestScript ValueSet VerificationResult VisionPrescription
    """.split()  # noqa: SIM905 - names that a person can compare with the specification
)
#: Elements that other versions have and R4 does not.
_ELSEWHERE: Final = {
    "AllergyIntolerance": {"substance"},
    "Claim": {"organization"},
    "Condition": {"dateRecorded", "assertedDate"},
    "DocumentReference": {"class", "indexed", "created"},
    "Encounter": {"patient", "actualPeriod", "plannedStartDate", "admission"},
    "Immunization": {"notGiven", "wasNotGiven", "date"},
    "MedicationRequest": {"medication"},
    "Patient": {"animal", "careProvider"},
    "Practitioner": {"practitionerRole", "role"},
    "PractitionerRole": {"contact", "characteristic"},
    "Procedure": {"notDone", "occurrenceDateTime", "occurrencePeriod"},
}
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d))?)?)?"
)
#: The names of R4's elements that hold a date, a dateTime or an instant.
_DATES: Final = frozenset(
    {
        *("date", "issued", "created", "recorded", "start", "end", "sent", "received", "authoredOn"),
        *("lastUpdated", "recordedDate", "expirationDate", "birthDate"),
    }
)
_SPACE: Final = re.compile(r"\s+")
_FUTURE: Final = timedelta(days=1)


def check(entry: Entry, now: datetime) -> tuple[str, str]:
    """Judge one resource, and give its type and id. Raises ``BadInput``."""
    resource = entry.resource
    kind, resource_id = resource["resourceType"], resource.get("id")
    if kind not in R4:
        raise BadInput("fhir_not_r4", file=entry.file, entry=entry.entry, resource="?")
    if not isinstance(resource_id, str) or not _ID.fullmatch(resource_id):
        raise BadInput("fhir_id", file=entry.file, entry=entry.entry, resource=kind)
    name = f"{kind}/{resource_id}"
    if _ELSEWHERE.get(kind, set()) & resource.keys() or not _is_r4(kind, resource):
        raise BadInput("fhir_not_r4", file=entry.file, entry=entry.entry, resource=name)
    for inner in _objects(resource):
        _check_object(inner, entry, name)
    if kind == "DocumentReference" and isinstance(resource.get("date"), str):
        written = instant(resource["date"], UTC)
        if written is not None and written > now + _FUTURE:
            raise BadInput("fhir_date", file=entry.file, entry=entry.entry, resource=name)
    return kind, resource_id


def instant(text: Any, zone: tzinfo) -> datetime | None:  # noqa: ANN401 - what a resource says
    """Read a date of FHIR as the instant that it begins at; ``None`` for what is none."""
    found = _DATE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    year, month, day, clock, fraction, offset = found.groups()
    try:
        if clock is None:
            return datetime(int(year), int(month or 1), int(day or 1), tzinfo=zone).astimezone(UTC)
        # A leap second is the first instant of the next minute.
        leap = clock.endswith(":60")
        clock = clock[:-2] + "59" if leap else clock
        micro = (fraction or "").ljust(6, "0")[:6]
        whole = datetime.fromisoformat(f"{year}-{month}-{day}T{clock}.{micro}{offset.replace('Z', '+00:00')}")
        return (whole + timedelta(seconds=leap)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day(text: Any) -> date | None:  # noqa: ANN401 - what a resource says
    """Read the day of a date of FHIR, as it stands there."""
    found = _DATE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        return None


def unpack(data: str) -> bytes:
    """Give the bytes that base64 stands for. Raises ``ValueError``."""
    try:
        return base64.b64decode(_SPACE.sub("", data).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError from error


def _is_r4(kind: str, resource: dict[str, Any]) -> bool:
    """Tell R4 from versions that only give an element another form; and believe what a resource says."""
    if kind == "Encounter" and not isinstance(resource.get("class", {}), dict):
        return False
    if kind in {"CapabilityStatement", "ImplementationGuide"} and not str(
        resource.get("fhirVersion", "4.0.1")
    ).startswith("4.0"):
        return False
    return kind != "Observation" or not isinstance(resource.get("related"), list)


def _objects(resource: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    waiting = [resource]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield found
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found


def _check_object(found: dict[str, Any], entry: Entry, name: str) -> None:
    for element, value in found.items():
        if isinstance(value, str) and type(value) is str and _is_date(element):
            if instant(value, UTC) is None:
                raise BadInput("fhir_date", file=entry.file, entry=entry.entry, resource=name)
        elif element == "data" and isinstance(value, str) and not {"origin", "dimensions"} & found.keys():
            try:
                unpack(value)
            except ValueError:
                raise BadInput("fhir_base64", file=entry.file, entry=entry.entry, resource=name) from None
    start, end = instant(found.get("start"), UTC), instant(found.get("end"), UTC)
    if start is not None and end is not None and end < start and len(found["end"]) >= len(found["start"]):
        raise BadInput("fhir_period", file=entry.file, entry=entry.entry, resource=name)


def _is_date(element: str) -> bool:
    return element in _DATES or element.endswith(("DateTime", "valueDate", "valueInstant"))
