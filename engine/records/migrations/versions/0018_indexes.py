"""
Indexes for what every hand-over asks, and on PostgreSQL a trigger that asks the state of a holding first.

Frozen: of the engine it imports the column types only, and it spells out every word.
"""

from alembic import op

revision = "0018"
down_revision = "0012"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_holdings_closed_by_id": ("holdings", ["closed_by_id"]),
    "ix_transfers_record_id": ("transfers", ["record_id"]),
    "ix_shares_record_id_member_id": ("shares", ["record_id", "member_id"]),
}


def upgrade() -> None:
    for name, (table, columns) in _INDEXES.items():
        op.create_index(op.f(name), table, columns)
    if op.get_bind().dialect.name == "postgresql":
        for table in ("notes", "documents"):
            op.execute(_inserted(table))


def downgrade() -> None:
    # The functions say the same as before, only faster: they stay.
    for name, (table, _) in _INDEXES.items():
        op.drop_index(op.f(name), table)


def _inserted(table: str) -> str:
    """Say what 0011 says; a condition without a query is judged three times as fast, and mostly suffices."""
    return f"""
CREATE OR REPLACE FUNCTION {table}_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF passation_state_of_holding(NEW.holding_id) IS DISTINCT FROM 'live' THEN
        IF NOT EXISTS (
            SELECT 1 FROM holdings AS apart JOIN {table} AS own ON own.item_id = NEW.item_id
            JOIN holdings AS live ON live.id = own.holding_id AND live.record_id = apart.record_id
                AND live.state = 'live'
            WHERE apart.id = NEW.holding_id AND apart.state = 'quarantined' AND apart.closed_by_id IS NULL
                AND apart.owner_id = NEW.author_id AND own.author_only AND NEW.author_only
                AND own.author_id = NEW.author_id AND own.sha256 = NEW.sha256
        ) THEN
            RAISE EXCEPTION USING MESSAGE = 'MOVE-4: only a live holding is written to', DETAIL = TG_NAME,
                ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$
"""  # noqa: S608 - words of this file
