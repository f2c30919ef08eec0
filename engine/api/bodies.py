"""What comes in: bodies of commands, checked for their form alone; rules judge the rest."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from engine.states.choices import Basis, BasisForm, Options, Purpose, RawDataChoice
from engine.states.transfer import TransferState

_MOST_SIGNS = 20_000


def _without_nul(text: str) -> str:
    """Refuse the one sign that no database keeps."""
    if "\x00" in text:
        raise ValueError("no NUL")
    return text


#: A text of people: it is kept as it is, and shown as text everywhere.
Text = Annotated[str, AfterValidator(_without_nul), Field(max_length=_MOST_SIGNS)]
#: A name on one line.
Line = Annotated[str, AfterValidator(_without_nul), Field(min_length=1, max_length=500)]
#: A member by id, or by e-mail.
MemberRef = Annotated[
    str,
    AfterValidator(_without_nul),
    Field(
        min_length=1,
        max_length=320,
        description="A member, by id or e-mail.",
        examples=["bruno@erables.example"],
    ),
]
#: A record by id, or by number.
RecordRef = Annotated[
    str,
    AfterValidator(_without_nul),
    Field(min_length=1, max_length=500, description="A record, by id or number.", examples=["D-00001"]),
]


class Body(BaseModel):
    """A command's body; a field that it does not know is a mistake of the sender."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OptionsIn(Body):
    """What is to move; what is not named is on the cautious side (MOVE-1)."""

    include_confidential: bool | None = None
    raw_data: RawDataChoice | None = None
    keep_copy: bool | None = None

    def over(self, before: Options | None = None) -> Options:
        """Give the options, over those that stand."""
        named: Mapping[str, Any] = {
            name: value for name, value in self.model_dump().items() if value is not None
        }
        stands = before or Options()
        return Options(
            include_confidential=named.get("include_confidential", stands.include_confidential),
            raw_data=named.get("raw_data", stands.raw_data),
            keep_copy=named.get("keep_copy", stands.keep_copy),
        )


class BasisIn(Body):
    """A legal basis (ELIG-8)."""

    form: BasisForm
    text: Text
    on: date | None = None
    for_anybody: bool = False

    def given(self) -> Basis:
        """Give it as the service takes it."""
        return Basis(self.form, self.text, self.on, self.for_anybody)


def basis_of(body: BasisIn | None) -> Basis | None:
    """Give the legal basis, where one is stated."""
    return None if body is None else body.given()


class PreviewIn(Body):
    """What a transfer would do."""

    record: RecordRef
    to: MemberRef
    options: OptionsIn = OptionsIn()


class RequestIn(Body):
    """Ask a practitioner to take over a record."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "record": "D-00001",
                    "to": "bruno@erables.example",
                    "purpose": "continuity",
                    "options": {"keep_copy": True},
                    "message": "Suivi en cours, prochain rendez-vous dans deux semaines.",
                }
            ]
        }
    )

    record: RecordRef
    to: MemberRef
    purpose: Purpose
    options: OptionsIn = OptionsIn()
    basis: BasisIn | None = None
    message: Text | None = None
    reason: Text | None = None
    insist: bool = False


class Decision(Body):
    """A decision; refused where the transfer no longer is in the state that its sender saw (MOVE-3)."""

    expected_state: TransferState | None = None
    seen_version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class ReasonedIn(Decision):
    """A decision with a reason, where one is given."""

    reason: Text | None = None


class RefuseIn(Decision):
    """A refusal, with its reason (ST-2)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Ma liste est complète."}]})

    reason: Text


class NarrowIn(Decision):
    """Move less than was asked; what is not named stays as it is (MOVE-1)."""

    options: OptionsIn


class ReassignIn(Decision):
    """Ask somebody else (OVR-1)."""

    to: MemberRef
    reason: Text
    basis: BasisIn | None = None
    insist: bool = False
    withhold_raw_data: bool = False


class ImposeIn(Decision):
    """Hand the record over in the new owner's place (OVR-1)."""

    to: MemberRef | None = None
    reason: Text
    basis: BasisIn | None = None
    insist: bool = False
    withhold_raw_data: bool = False


class ExtendIn(Decision):
    """Give more time, until the end of a day there (ST-3)."""

    until: date
    reason: Text | None = None
