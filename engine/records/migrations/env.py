"""Run the migrations on the connection that ``engine.records.database`` passes, in its transaction."""

from alembic import context

from engine.records.tables.every import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # On SQLite too: the connection begins and commits by itself, so a migration is whole or not there.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
