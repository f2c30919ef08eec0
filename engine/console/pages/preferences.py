"""What somebody chooses for themself: language, how often they are told, whether they take new records."""

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from engine.catalogue import LANGUAGES
from engine.console import words
from engine.console.frame import Engine, Here, Posted, page, redirect, required
from engine.console.navigation import N_
from engine.errors import BadInput
from engine.states.choices import NoticePace, Role

router = APIRouter(prefix="/preferences")


@router.get("")
def preferences(request: Request, visitor: Here, service: Engine) -> Response:
    """Show what was chosen."""
    reader = service.desk.reader(visitor.id)
    return page(
        request, "practice/preferences.html", reader=reader, practises=visitor.acts_as(Role.PRACTITIONER)
    )


@router.post("/language")
async def language(request: Request, post: Posted, service: Engine) -> Response:
    """Choose the language of pages and messages."""
    chosen = post.fields.text("language")
    if chosen not in LANGUAGES:
        raise BadInput("empty", field="language")
    await run_in_threadpool(service.desk.set_language, post.visitor.id, chosen)
    return redirect(request, "/preferences", words.say(chosen, N_("Passation speaks English to you now.")))


@router.post("/notices")
async def notices(request: Request, post: Posted, service: Engine) -> Response:
    """Choose how often messages come that need no action."""
    pace = required(post.fields.choice("notices", NoticePace), "notices")
    await run_in_threadpool(service.desk.set_notices, post.visitor.id, pace)
    return redirect(request, "/preferences", post.visitor.say("Your choice is kept."))


@router.post("/accepts")
async def accepts(request: Request, post: Posted, service: Engine) -> Response:
    """Declare whether one takes new records (ELIG-3)."""
    willing = post.fields.text("accepts") == "yes"
    await run_in_threadpool(lambda: service.desk.set_accepts(post.visitor.id, accepts=willing))
    said = (
        post.visitor.say("Colleagues can ask you to take over records again.")
        if willing
        else post.visitor.say("Colleagues can no longer ask you to take over records.")
    )
    return redirect(request, "/preferences", said)
