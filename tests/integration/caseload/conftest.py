"""A clinic with its desk, and another organization beyond the wall; every test ends with the checker."""

from tests.integration.handover.conftest import _rules_hold, clinic, database
from tests.integration.people.conftest import desk, elsewhere

__all__ = ["_rules_hold", "clinic", "database", "desk", "elsewhere"]
