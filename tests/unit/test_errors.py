"""The errors: a key for the catalogues, nothing else in the text, whole after a journey."""

import copy
import pickle
from typing import get_args

import pytest

from engine.errors import BadInput, Denied, EngineError, NotFound, Outage, Stuck, Unavailable, Unidentified
from engine.states.transfer import TransferState, TransferTrigger, TransitionDenied

SECRET = "Tremblay"

EXAMPLES = [
    (EngineError("internal"), "internal", 500),
    (Denied("ELIG-3", "inactive", member=SECRET), "ELIG-3/inactive", 403),
    (Denied("ELIG-4"), "ELIG-4", 403),
    (NotFound("record"), "VIS-11/record", 404),
    (BadInput("unknown_column", column=SECRET, line=3), "bad_input/unknown_column", 422),
    (BadInput(), "bad_input", 422),
    (Unavailable("database_newer", found=12), "unavailable/database_newer", 503),
    (Unidentified("expired"), "identity/expired", 401),
    (Stuck("missing_byte", item=SECRET), "ST-5/missing_byte", 409),
    (
        TransitionDenied(TransferTrigger.ACCEPT, "rules", TransferState.PENDING_ACCEPTANCE),
        "ST-T/accept/rules",
        403,
    ),
]

each_error = pytest.mark.parametrize(
    ("error", "key", "status"), EXAMPLES, ids=[key for _, key, _ in EXAMPLES]
)


@each_error
def test_key_and_status(error: EngineError, key: str, status: int) -> None:
    """The key is the code with its variant, and the class fixes the HTTP status."""
    assert key == error.key
    assert status == error.status


@each_error
def test_text_is_the_key_and_holds_no_parameter(error: EngineError, key: str, status: int) -> None:
    """Texts of errors end in logs and in Temporal's histories, so no parameter is in them."""
    del status

    assert key == str(error)
    assert f"{type(error).__name__}({key!r})" == repr(error)
    assert SECRET not in f"{error!s} {error!r} {error.args}"


@each_error
def test_pickle_and_copy_keep_everything(error: EngineError, key: str, status: int) -> None:
    """An error is the same after a pickle of any protocol, and after a copy."""
    del key, status
    journeys = [
        pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own bytes
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ]

    for twin in [*journeys, copy.copy(error), copy.deepcopy(error)]:
        assert type(error) is type(twin)
        assert (error.code, error.variant, error.params) == (twin.code, twin.variant, twin.params)
        assert (str(error), repr(error), error.args) == (str(twin), repr(twin), twin.args)


def test_parameters_may_have_any_name() -> None:
    """A sentence may mention a code or a variant without a clash with the error's own."""
    error = Denied("ELIG-5", "title", code="x", variant="y")

    assert (error.code, error.variant) == ("ELIG-5", "title")
    assert error.params == {"code": "x", "variant": "y"}


def test_vis_11_not_found_names_only_the_kind_of_thing() -> None:
    """VIS-11: what is hidden and what does not exist give the same answer, without an id."""
    assert NotFound("transfer").params == {"what": "transfer"}


def test_only_what_did_not_answer_is_worth_sending_again() -> None:
    """Decision 0008: a missing, foreign, damaged or other database is set up or restored, not waited for."""
    passing = {outage for outage in get_args(Outage) if Unavailable(outage).passes}

    assert passing == {
        "no_answer",
        "database_unavailable",
        "temporal_unavailable",
        "issuer_unavailable",
    }
