"""
A key can be replaced (AUD-4): an organization has one after the other, and every one of them stays.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import conv

from engine.records.types import Id, Instant

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_KEYS = "AUD-4: the key of an organization never changes"
_FK = conv("fk_organization_keys_organization_id")
_PK = conv("pk_organization_keys")
_UQ = conv("uq_organization_keys_organization_id_public_key")
_SAME = "kept.organization_id = NEW.organization_id"


def upgrade() -> None:
    number = sa.Column("number", sa.Integer(), nullable=False)
    key = sa.PrimaryKeyConstraint("organization_id", "number", name=_PK)
    unique = sa.UniqueConstraint("organization_id", "public_key", name=_UQ)
    _set_aside()
    _create(number, key, unique)
    op.execute(
        "INSERT INTO organization_keys (organization_id, number, public_key, created_at)"
        " SELECT organization_id, 1, public_key, created_at FROM organization_keys_before"
    )
    _guard("kept.number = NEW.number OR kept.public_key = NEW.public_key")
    # What waits for its signature is found without reading what has one.
    unsigned = sa.text("signature IS NULL")
    op.create_index(
        "ix_receipts_organization_id_transfer_id",
        "receipts",
        ["organization_id", "transfer_id"],
        sqlite_where=unsigned,
        postgresql_where=unsigned,
    )


def downgrade() -> None:
    """The first key of an organization is kept: an earlier version knows of one only."""
    op.drop_index("ix_receipts_organization_id_transfer_id", table_name="receipts")
    _set_aside()
    _create(sa.PrimaryKeyConstraint("organization_id", name=_PK))
    op.execute(
        "INSERT INTO organization_keys (organization_id, public_key, created_at)"
        " SELECT organization_id, public_key, created_at FROM organization_keys_before WHERE number = 1"
    )
    _guard("1 = 1")


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _set_aside() -> None:
    """Take the rows out of the table and drop it: in place the triggers would refuse any change."""
    op.execute("CREATE TEMPORARY TABLE organization_keys_before AS SELECT * FROM organization_keys")
    op.drop_table("organization_keys")


def _create(*more: sa.schema.SchemaItem) -> None:
    op.create_table(
        "organization_keys",
        sa.Column("organization_id", Id(), nullable=False),
        *(part for part in more if isinstance(part, sa.Column)),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=_FK),
        *(part for part in more if not isinstance(part, sa.Column)),
        sqlite_strict=True,
    )


def _guard(same: str) -> None:
    op.drop_table("organization_keys_before")
    for trigger in _sqlite_guards(same) if _sqlite() else _postgresql_guards():
        op.execute(trigger)


def _sqlite_guards(same: str) -> list[str]:
    kept = f"SELECT 1 FROM organization_keys AS kept WHERE {_SAME} AND ({same})"  # noqa: S608 - of this file
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_KEYS}'); END"
    found = [("updated", "UPDATE", ""), ("deleted", "DELETE", ""), ("replaced", "INSERT", kept)]
    return [
        f"CREATE TRIGGER organization_keys_{done} BEFORE {event} ON organization_keys FOR EACH ROW "
        f"{f'WHEN EXISTS ({when}) ' if when else ''}{refuse}"
        for done, event, when in found
    ]


def _postgresql_guards() -> list[str]:
    found = [("updated", "UPDATE", "ROW"), ("deleted", "DELETE", "ROW"), ("emptied", "TRUNCATE", "STATEMENT")]
    return [
        f"CREATE TRIGGER organization_keys_{done} BEFORE {event} ON organization_keys "
        f"FOR EACH {each} EXECUTE FUNCTION passation_refuse('{_KEYS}')"
        for done, event, each in found
    ]
