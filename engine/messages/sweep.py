"""What the sweep reports: how far the rows and the workflows had drifted apart."""

from typing import Final

from engine.messages.transfer import Message

SWEEP_WORKFLOW: Final = "Sweep"
SWEEP: Final = "sweep"


class SweepResult(Message):
    """How many transfers were open, and what was done about those without a workflow and the reverse."""

    open_transfers: int
    #: Open rows, of transfers and bulks, that had no running workflow: started again from the row.
    restarted: int
    #: Running workflows whose row is final or further on: woken, to read it.
    woken: int
    #: Free texts that no transfer came to use.
    texts_swept: int
    #: Receipts that had waited for their signature, and those that still do.
    receipts_signed: int = 0
    receipts_waiting: int = 0
    #: Whether nobody sent notices, so that the sender was started again.
    sender_restarted: bool = False
