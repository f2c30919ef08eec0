"""Every workflow, for the worker and the replayer."""

from typing import Final

from engine.workflows.bulk_answer import BulkAnswer
from engine.workflows.bulk_transfer import BulkTransfer
from engine.workflows.destruction import Destruction
from engine.workflows.notices import NoticeSender
from engine.workflows.record_transfer import RecordTransfer
from engine.workflows.sweep import Sweep

WORKFLOWS: Final = (RecordTransfer, BulkTransfer, BulkAnswer, Sweep, Destruction)
#: On a task queue of their own, so that mail never waits for transfers, nor transfers for mail.
OF_NOTICES: Final = (NoticeSender,)
