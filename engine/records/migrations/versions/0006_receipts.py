"""
Seals, receipts and keys (AUD-4); a manifest may lose the digests of what was destroyed.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

import sqlalchemy as sa
from alembic import op

from engine.records.types import Flag, Id, Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MANIFEST = "MOVE-5: a manifest never changes"
_SEALS = "AUD-4: a seal never changes, it only forgets"
_RECEIPTS = "AUD-4: a receipt is signed once and never changes"
_KEYS = "AUD-4: the key of an organization never changes"


def upgrade() -> None:
    _tables()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_triggers()
    else:
        _postgresql_triggers()


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute(f"DROP TRIGGER manifest_updated{'' if sqlite else ' ON manifest'}")
    for table in ("organization_keys", "receipts", "seals"):
        op.drop_table(table)
    if sqlite:
        op.execute(_sqlite("manifest_updated", "UPDATE", "manifest", _MANIFEST))
    else:
        op.execute(_postgresql("manifest_updated", "UPDATE", "manifest", _MANIFEST))
        op.execute("DROP FUNCTION seals_too_late()")


def _tables() -> None:
    op.create_table(
        "seals",
        sa.Column("transfer_id", Id(), nullable=False),
        sa.Column("commitment", sa.Text(), nullable=False),
        sa.Column("item_id", Id(), nullable=True),
        sa.Column("annex", Flag(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.CheckConstraint("(salt IS NULL) = (digest IS NULL)", name=op.f("ck_seals_forgotten_whole")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.id"], name=op.f("fk_seals_transfer_id")),
        sa.ForeignKeyConstraint(
            ["transfer_id", "item_id"],
            ["manifest.transfer_id", "manifest.item_id"],
            name=op.f("fk_seals_transfer_id_item_id"),
        ),
        sa.PrimaryKeyConstraint("transfer_id", "commitment", name=op.f("pk_seals")),
        sa.UniqueConstraint("transfer_id", "item_id", name=op.f("uq_seals_transfer_id_item_id")),
        sqlite_strict=True,
    )
    op.create_table(
        "receipts",
        sa.Column("transfer_id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("manifest_hash", sa.Text(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("annex", sa.Text(), nullable=False),
        sa.Column("record_salt", sa.Text(), nullable=False),
        sa.Column("event_seq", sa.Integer(), nullable=False),
        sa.Column("event_hash", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(statement IS NULL) = (signature IS NULL)", name=op.f("ck_receipts_signed_whole")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "event_seq"],
            ["events.organization_id", "events.seq"],
            name=op.f("fk_receipts_organization_id_event_seq"),
        ),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.id"], name=op.f("fk_receipts_transfer_id")),
        sa.PrimaryKeyConstraint("transfer_id", name=op.f("pk_receipts")),
        sqlite_strict=True,
    )
    op.create_table(
        "organization_keys",
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_organization_keys_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_organization_keys")),
        sqlite_strict=True,
    )


def _changed(*columns: str) -> str:
    return "(" + " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns) + ")"


#: Exactly the loss of a digest, of salt and digest, the one signature: everything else is refused.
_MANIFEST_CHANGED = (
    f"NEW.sha256 IS NOT NULL OR {_changed('transfer_id', 'item_id', 'item_class', 'outcome', 'author_id')}"
)
_SEAL_CHANGED = (
    f"NEW.salt IS NOT NULL OR NEW.digest IS NOT NULL "
    f"OR {_changed('transfer_id', 'commitment', 'item_id', 'annex')}"
)
_RECEIPT_CHANGED = "OLD.statement IS NOT NULL OR " + _changed(
    *("transfer_id", "organization_id", "manifest_hash", "lines", "annex", "record_salt"),
    *("event_seq", "event_hash"),
)


def _sqlite(name: str, event: str, table: str, message: str, when: str | None = None) -> str:
    condition = "" if when is None else f"WHEN {when} "
    return (
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {condition}"
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )


def _sqlite_triggers() -> None:
    def kept(table: str, condition: str) -> str:
        return f"EXISTS (SELECT 1 FROM {table} AS kept WHERE {condition})"  # noqa: S608 - words of this file

    same_seal = (
        "kept.transfer_id = NEW.transfer_id "
        "AND (kept.commitment = NEW.commitment OR kept.item_id = NEW.item_id)"
    )
    same_transfer = "kept.transfer_id = NEW.transfer_id"
    same_organization = "kept.organization_id = NEW.organization_id"
    op.execute("DROP TRIGGER manifest_updated")
    for trigger in (
        _sqlite("manifest_updated", "UPDATE", "manifest", _MANIFEST, _MANIFEST_CHANGED),
        _sqlite("seals_updated", "UPDATE", "seals", _SEALS, _SEAL_CHANGED),
        _sqlite("seals_deleted", "DELETE", "seals", _SEALS),
        _sqlite("seals_replaced", "INSERT", "seals", _SEALS, kept("seals", same_seal)),
        _sqlite("seals_too_late", "INSERT", "seals", _SEALS, kept("receipts", same_transfer)),
        _sqlite("receipts_updated", "UPDATE", "receipts", _RECEIPTS, _RECEIPT_CHANGED),
        _sqlite("receipts_deleted", "DELETE", "receipts", _RECEIPTS),
        _sqlite("receipts_replaced", "INSERT", "receipts", _RECEIPTS, kept("receipts", same_transfer)),
        _sqlite("organization_keys_updated", "UPDATE", "organization_keys", _KEYS),
        _sqlite("organization_keys_deleted", "DELETE", "organization_keys", _KEYS),
        _sqlite(
            "organization_keys_replaced",
            "INSERT",
            "organization_keys",
            _KEYS,
            kept("organization_keys", same_organization),
        ),
    ):
        op.execute(trigger)


def _postgresql(name: str, event: str, table: str, message: str, when: str | None = None) -> str:
    condition = "" if when is None else f"WHEN ({when}) "
    return (
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {condition}"
        f"EXECUTE FUNCTION passation_refuse('{message}')"
    )


def _postgresql_triggers() -> None:
    # A condition may hold no subquery here, hence a function of its own.
    op.execute(f"""
        CREATE FUNCTION seals_too_late() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT 1 FROM receipts AS kept WHERE kept.transfer_id = NEW.transfer_id) THEN
                RAISE EXCEPTION USING
                    MESSAGE = '{_SEALS}', DETAIL = TG_NAME, ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$
    """)  # noqa: S608 - words of this file
    op.execute("DROP TRIGGER IF EXISTS manifest_updated ON manifest")
    for trigger in (
        _postgresql("manifest_updated", "UPDATE", "manifest", _MANIFEST, _MANIFEST_CHANGED),
        _postgresql("seals_updated", "UPDATE", "seals", _SEALS, _SEAL_CHANGED),
        _postgresql("seals_deleted", "DELETE", "seals", _SEALS),
        "CREATE TRIGGER seals_too_late BEFORE INSERT ON seals FOR EACH ROW EXECUTE FUNCTION seals_too_late()",
        _postgresql("receipts_updated", "UPDATE", "receipts", _RECEIPTS, _RECEIPT_CHANGED),
        _postgresql("receipts_deleted", "DELETE", "receipts", _RECEIPTS),
        _postgresql("organization_keys_updated", "UPDATE", "organization_keys", _KEYS),
        _postgresql("organization_keys_deleted", "DELETE", "organization_keys", _KEYS),
    ):
        op.execute(trigger)
    for table, message in (("seals", _SEALS), ("receipts", _RECEIPTS), ("organization_keys", _KEYS)):
        op.execute(
            f"CREATE TRIGGER {table}_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
            f"EXECUTE FUNCTION passation_refuse('{message}')"
        )
