"""Who is shown what became of messages, and whom somebody must call."""

from engine.errors import Denied
from engine.rules.facts import MemberFacts
from engine.states.choices import Role


def check_see_troubles(actor: MemberFacts) -> Role:
    """Judge who sees the messages that could not be delivered: coordinators (NOTE-3). Raises ``Denied``."""
    if not actor.acts_as(Role.COORDINATOR):
        raise Denied("NOTE-3", "troubles")
    return Role.COORDINATOR
