"""What the sender of notices reports: counts alone."""

from typing import Final

from engine.messages.transfer import Message

SENDER_WORKFLOW: Final = "NoticeSender"
SENDER_ID: Final = "notices"
SEND: Final = "notices.send"


class Sent(Message):
    """What the sender did, since it began or in one turn."""

    sent: int = 0
    #: Attempts after which a message waits for another one.
    later: int = 0
    #: Given up for good.
    failed: int = 0

    def plus(self, other: "Sent") -> "Sent":
        """Add what another turn did."""
        return Sent(
            sent=self.sent + other.sent, later=self.later + other.later, failed=self.failed + other.failed
        )
