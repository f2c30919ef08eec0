"""Every table: the metadata is whole, and each foreign key finds its table, once this is imported."""

from typing import Final

from engine.records.tables import (
    bulks,
    destruction,
    doors,
    importing,
    items,
    outbox,
    people,
    proof,
    records,
    transfers,
)
from engine.records.tables.base import Base

THEMES: Final = (bulks, destruction, doors, importing, items, outbox, people, proof, records, transfers)
METADATA: Final = Base.metadata
