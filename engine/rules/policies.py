"""An organization's choices in one table: name, default, range, who reads each and when."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from engine.errors import BadInput

Value = timedelta | int | bool | Sequence[timedelta] | Sequence[str]

_SECOND, _DAY, _YEAR = timedelta(seconds=1), timedelta(days=1), timedelta(days=365)
_UNITS: Final = {
    "s": _SECOND,
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": _DAY,
    "j": _DAY,
    "": _DAY,
}
_DURATION: Final = re.compile(r"([0-9]{1,9})([smhdj]?)")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_FLAGS: Final = {"yes": True, "oui": True, "no": False, "non": False}
_NOTHING: Final = frozenset({"none", "aucun", "aucune"})
_LONGEST_LIST: Final = 100


class Kind(StrEnum):
    """What a policy's value is, and so how it is typed and shown."""

    DURATION = "duration"
    DURATIONS = "durations"
    FLAG = "flag"
    TITLES = "titles"
    DAYS = "days"
    YEARS = "years"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One choice: ``name`` as the database and programs know it, with hyphens on the command line."""

    name: str
    kind: Kind
    default: Value
    least: timedelta | int | None = None
    most: timedelta | int | None = None
    read: str

    @property
    def typed_name(self) -> str:
        """The name as it is typed."""
        return self.name.replace("_", "-")


#: Only what something reads stands here.
TABLE: Final = (
    Policy(
        name="answer_within",
        kind=Kind.DURATION,
        default=timedelta(days=14),
        least=_SECOND,
        most=_YEAR,
        read="the step that asks somebody, which fixes the deadline, once for each asking (ST-3)",
    ),
    Policy(
        name="reminders",
        kind=Kind.DURATIONS,
        default=(timedelta(days=3), timedelta(days=7)),
        least=_SECOND,
        most=_YEAR,
        read="every step of a waiting transfer, to find the next reminder before the deadline (ST-3)",
    ),
    Policy(
        name="basis_required",
        kind=Kind.FLAG,
        default=False,
        read="the request, and once more the transaction that hands over (ELIG-8)",
    ),
    Policy(
        name="raw_data_titles",
        kind=Kind.TITLES,
        default=(),
        read="the request, the preview, and once more the transaction that hands over (ELIG-5)",
    ),
    Policy(
        name="impose_allowed",
        kind=Kind.FLAG,
        default=True,
        read="the transaction in which a coordinator imposes a transfer (OVR-1)",
    ),
    Policy(
        name="coordinator_may_receive",
        kind=Kind.FLAG,
        default=False,
        read="a coordinator's step that would make themself the new owner, where nobody else could (ELIG-9)",
    ),
    Policy(
        name="remind_coordinators",
        kind=Kind.DURATION,
        default=timedelta(days=3),
        least=_SECOND,
        most=_YEAR,
        read="every step of a transfer that waits for a coordinator, to find the next reminder (ST-1)",
    ),
    Policy(
        name="announce_practitioner",
        kind=Kind.FLAG,
        default=False,
        read="the transaction that hands over, to tell the record's clients who is responsible now (NOTE-2)",
    ),
    Policy(
        name="hold_cancellations",
        kind=Kind.FLAG,
        default=False,
        read="the transaction that hands over: clients hear of cancelled appointments once a coordinator has "
        "decided, or the new owner keeps them (NOTE-2)",
    ),
    Policy(
        name="grace_days",
        kind=Kind.DAYS,
        default=30,
        least=1,
        most=3650,
        read="the daily sweep that destroys what was excluded and not kept (MOVE-6)",
    ),
    Policy(
        name="retention_years",
        kind=Kind.YEARS,
        default=5,
        least=1,
        most=100,
        read="the daily sweep that destroys, counted from the record's last service (MOVE-6)",
    ),
)
BY_NAME: Final = {policy.name: policy for policy in TABLE}


def named(name: str) -> Policy:
    """Find a policy by either of its names. Raises ``BadInput``, which lists them."""
    found = BY_NAME.get(name.strip().lower().replace("-", "_"))
    if found is None:
        raise BadInput("policy_unknown", names=", ".join(policy.typed_name for policy in TABLE))
    return found


def read(policy: Policy, words: Sequence[str]) -> Value:
    """Read what somebody typed for a policy. Raises ``BadInput``, which names the range."""
    words = [word.strip() for word in words]
    if policy.kind in {Kind.DURATIONS, Kind.TITLES}:
        words = [] if len(words) == 1 and words[0].lower() in _NOTHING else words
        if policy.kind is Kind.TITLES:
            return checked(policy, words)
        return checked(policy, [_duration(policy, word) for word in words])
    if len(words) != 1:
        raise _out_of_range(policy)
    if policy.kind is Kind.FLAG:
        if words[0].lower() not in _FLAGS:
            raise _out_of_range(policy)
        return _FLAGS[words[0].lower()]
    if policy.kind is Kind.DURATION:
        return checked(policy, _duration(policy, words[0]))
    if not _NUMBER.fullmatch(words[0]):
        raise _out_of_range(policy)
    return checked(policy, int(words[0]))


def checked(policy: Policy, value: Value) -> Value:
    """Give a value that is of the policy's kind and in its range. Raises ``BadInput``, which names it."""
    single = isinstance(value, timedelta | int)
    values: Sequence[object] = [value] if single else list(value)  # type: ignore[arg-type]
    listed = policy.kind in {Kind.DURATIONS, Kind.TITLES}
    if listed is single or len(values) > _LONGEST_LIST or not all(_fits(policy, one) for one in values):
        raise _out_of_range(policy)
    return value


def shown(value: object) -> str:
    """Write one value as it is typed: ``14d``, ``36h``, ``yes``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        for unit in ("d", "h", "m"):
            length = int(_UNITS[unit].total_seconds())
            if seconds % length == 0:
                return f"{seconds // length}{unit}"
        return f"{seconds}s"
    if isinstance(value, list | tuple | set | frozenset):
        return " ".join(shown(one) for one in value) or "none"
    return str(value)


def number(value: object) -> int:
    """Give what a value is as a number: seconds, days, years, 0 or 1; of a list how many."""
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    return int(value) if isinstance(value, int) else len(value)  # type: ignore[arg-type]


def _fits(policy: Policy, one: object) -> bool:
    match policy.kind:
        case Kind.DURATION | Kind.DURATIONS:
            kind: type = timedelta
        case Kind.FLAG:
            return isinstance(one, bool)
        case Kind.TITLES:
            return isinstance(one, str)
        case _:
            kind = int
    if not isinstance(one, kind) or isinstance(one, bool):
        return False
    return policy.least <= one <= policy.most  # type: ignore[operator]


def _duration(policy: Policy, word: str) -> timedelta:
    found = _DURATION.fullmatch(word.lower())
    if found is None:
        raise _out_of_range(policy)
    try:
        return int(found[1]) * _UNITS[found[2]]
    except OverflowError:
        raise _out_of_range(policy) from None


def _out_of_range(policy: Policy) -> BadInput:
    name, least, most = policy.typed_name, shown(policy.least), shown(policy.most)
    match policy.kind:
        case Kind.FLAG:
            return BadInput("policy_flag", name=name)
        case Kind.TITLES:
            return BadInput("policy_titles", name=name, most=_LONGEST_LIST)
        case Kind.DURATION:
            return BadInput("policy_duration", name=name, least=least, most=most)
        case Kind.DURATIONS:
            return BadInput("policy_durations", name=name, least=least, most=most)
        case _:
            return BadInput("policy_number", name=name, least=least, most=most)


def page() -> str:
    """Write docs/policies.md."""
    lines = [_HEAD]
    for policy in TABLE:
        bounds = "" if policy.least is None else f"{shown(policy.least)} to {shown(policy.most)}"
        bounds = {Kind.FLAG: "yes or no", Kind.TITLES: f"up to {_LONGEST_LIST} titles"}.get(
            policy.kind, bounds
        )
        if policy.kind is Kind.DURATIONS:
            bounds = f"up to {_LONGEST_LIST}, each {bounds}"
        lines.append(f"| `{policy.typed_name}` | {shown(policy.default)} | {bounds} | {policy.read} |")
    return "\n".join(lines) + "\n" + _FOOT


_HEAD: Final = """\
# Policies

<!-- Written by `python -m engine.rules.policies docs/policies.md`; a test compares. -->

An organization's choices.
Any member sees them (`passation org policy show`);
an administrator changes them (`passation org policy set POLICY VALUE...`).
Each change is a line in the log, with the new value of what is a number (a list: how many).

| policy | default | range | who reads it, and when |
| --- | --- | --- | --- |"""
_FOOT: Final = """
A duration is a number of days, or a number with `d`, `h`, `m` or `s`.
Whole days end with the day in the organization's time zone.
A list is several values, or `none`.

A changed `answer-within` holds from the next asking.
All others hold as they stand when they are read (ST-3).
"""


def main(arguments: Sequence[str]) -> None:
    """Write the page to the file that is named."""
    Path(arguments[0]).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
