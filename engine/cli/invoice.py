"""``passation invoice``: bills."""

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from engine.cli.context import Call
from engine.cli.options import As, IssuedOn, RecordName, command
from engine.errors import BadInput

app = typer.Typer()

Number = Annotated[str, typer.Option("--number", metavar="NUMBER")]
Amount = Annotated[str, typer.Option("--amount", metavar="AMOUNT")]
Currency = Annotated[str, typer.Option("--currency", metavar="CODE")]


@command(app, "add")
def add(
    call: Call,
    record: RecordName,
    *,
    actor: As,
    number: Number,
    amount: Amount,
    currency: Currency = "CAD",
    issued_on: IssuedOn,
) -> None:
    """Add an invoice to a record."""
    cents = _cents(amount)
    actor_id = call.actor(actor)
    item_id = call.desk.add_invoice(
        actor_id,
        call.record(actor_id, record),
        number=number,
        amount_cents=cents,
        currency=currency.strip().upper(),
        issued_on=issued_on,
    )
    call.answer({"id": item_id}, lambda page: page.say("done/invoice", id=str(item_id)))


def _cents(amount: str) -> int:
    try:
        cents = Decimal(amount.strip().replace(",", ".")) * 100
    except InvalidOperation:
        raise BadInput("amount") from None
    if not cents.is_finite() or cents != cents.to_integral_value():
        raise BadInput("amount")
    return int(cents)
