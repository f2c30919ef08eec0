"""Column types that read the same on SQLite's STRICT tables and on PostgreSQL."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Boolean, DateTime, Dialect, Integer, Text, Uuid
from sqlalchemy.types import TypeDecorator, TypeEngine

_E = TypeVar("_E", bound=StrEnum)


class Id(TypeDecorator[UUID]):
    """A UUID: native on PostgreSQL, its canonical text on SQLite so that people can read it there."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type for this database."""
        return dialect.type_descriptor(Uuid() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> Any:  # noqa: ANN401
        """Give the driver what it stores."""
        return value if value is None or dialect.name == "postgresql" else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:  # noqa: ANN401, ARG002
        """Give the program a ``UUID``."""
        return value if value is None or isinstance(value, UUID) else UUID(value)


class Instant(TypeDecorator[datetime]):
    """An instant in UTC, to the microsecond; text of fixed width on SQLite, so that it sorts as time does."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type for this database."""
        return dialect.type_descriptor(DateTime(timezone=True) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401
        """Give the driver what it stores; a time without a zone is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "an instant needs a time zone"
            raise ValueError(msg)
        if dialect.name == "postgresql":
            return value
        # Not strftime, which writes the year 1 with one digit.
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        """Give the program an aware ``datetime`` in UTC."""
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return datetime.fromisoformat(value)


class Flag(TypeDecorator[bool]):
    """A truth value: BOOLEAN on PostgreSQL, 0 or 1 on SQLite, whose STRICT tables know no other."""

    impl = Integer
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type for this database."""
        return dialect.type_descriptor(Boolean() if dialect.name == "postgresql" else Integer())

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> Any:  # noqa: ANN401, FBT001
        """Give the driver what it stores."""
        return value if value is None or dialect.name == "postgresql" else int(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:  # noqa: ANN401, ARG002
        """Give the program a ``bool``."""
        return None if value is None else bool(value)


class Word(TypeDecorator[_E], Generic[_E]):
    """A member of a closed vocabulary, stored as its word."""

    impl = Text
    cache_ok = True

    def __init__(self, vocabulary: type[_E]) -> None:
        super().__init__()
        self.vocabulary = vocabulary

    def process_bind_param(self, value: _E | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Give the driver the word; a word outside the vocabulary is refused."""
        return None if value is None else self.vocabulary(value).value

    def process_result_value(self, value: Any, dialect: Dialect) -> _E | None:  # noqa: ANN401, ARG002
        """Give the program the member."""
        return None if value is None else self.vocabulary(value)
