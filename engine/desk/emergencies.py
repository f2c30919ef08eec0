"""The desk for emergencies: a collaborator opens a record that a transfer freezes (VIS-4)."""

from uuid import UUID

from engine.desk.base import Commands, Writing
from engine.errors import BadInput, Denied
from engine.notices import outbox
from engine.records import facts
from engine.records.tables.records import Emergency
from engine.rules.looking import EMERGENCY, check_emergency
from engine.states.transfer import TransferState
from engine.views import EmergencyView

_ACTION = "record.emergency"
_LONGEST_REASON = 20_000


class EmergenciesDesk(Commands):
    """Sight of a frozen record, for a while."""

    def open_emergency(self, actor_id: UUID, record_id: UUID, reason: str) -> EmergencyView:
        """
        Open a frozen record as its collaborator: logged, and told to the owner and the coordinators (VIS-4).

        Each call is an emergency of its own, with its reason; a new one before the end prolongs the sight.
        """

        def do(command: Writing) -> EmergencyView:
            record = command.record(record_id)
            command.role = check_emergency(command.actor, record)
            if not reason.strip():
                raise Denied("ST-2")
            if len(reason) > _LONGEST_REASON:
                raise BadInput("too_long", field="reason", most=_LONGEST_REASON)
            transfer = None
            if record.open_transfer_id is not None:
                transfer = facts.transfer(command.session, record.open_transfer_id)
            if transfer is None:
                raise Denied("VIS-4", "no_emergency")
            until = command.now + EMERGENCY
            command.session.add(
                Emergency(
                    id=command.command_id,
                    organization_id=command.actor.organization_id,
                    record_id=record_id,
                    transfer_id=transfer.id,
                    member_id=actor_id,
                    reason=reason,
                    opened_at=command.now,
                    until_at=until,
                )
            )
            command.session.flush()
            command.transfer_id = transfer.id
            told = {record.owner_id, *outbox.coordinators(command.session, record.organization_id)}
            if transfer.state is not TransferState.COORDINATOR_OVERRIDE:
                told.discard(transfer.to_id)  # VIS-9
            cause = outbox.Cause(record.organization_id, transfer.id, command.command_id, command.now)
            outbox.tell(command.session, outbox.NoticeKind.EMERGENCY, told, cause, but=actor_id)
            return EmergencyView(
                id=command.command_id, record_id=record_id, opened_at=command.now, until_at=until
            )

        return self._command(actor_id, _ACTION, do)
