"""The clinic of the hand-overs; every test ends with the independent checker finding nothing."""

from tests.integration.handover.conftest import _rules_hold, clinic, database

__all__ = ["_rules_hold", "clinic", "database"]
