"""What a person may see, correct and delete of what the server keeps of them."""

from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from serving.dialogue.export import exported
from serving.dialogue.memory import Memory
from serving.dialogue.sessions import Sessions, Shown
from serving.person import Person, person

Who = Annotated[Person, Depends(person)]
CORRECTION_CHARS = 20_000

KEPT = (
    "Your conversations and what is remembered of you are kept on this server until you delete them; only you and "
    "those who run it can read them. Nothing you say trains the model unless you switch this on. While it is on, "
    "conversations that you begin, your ratings and your corrections become training data, with your user name beside "
    "them so that they can be found and erased. Switching it off stops that for what has not been used yet; to have "
    "used data erased too, ask those who run the server."
)
"""The sentence on what is kept that the page shows."""


class Judgement(BaseModel):
    """What a reader thinks of a reply; nothing takes it back."""

    model_config = ConfigDict(extra="forbid")
    rating: Literal[1, -1] | None = None
    correction: str | None = Field(None, min_length=1, max_length=CORRECTION_CHARS)


class Consent(BaseModel):
    model_config = ConfigDict(extra="forbid")
    training: bool


class Keeper(Protocol):
    """Has both once it is open."""

    sessions: Sessions
    memory: Memory


def router_of(dialogue: Keeper) -> APIRouter:
    """The routes. Every one answers for the person who asks, and knows nobody else's things."""
    router = APIRouter(prefix="/v1")

    @router.get("/conversations")
    def conversations(who: Who) -> dict[str, Any]:
        found = dialogue.sessions.conversations(who.id)
        return {"data": [{"id": c.id, "title": c.title, "updated": c.updated} for c in found]}

    @router.get("/conversations/{conversation}")
    def conversation(conversation: str, who: Who) -> dict[str, Any]:
        return {"id": conversation, "messages": [_said(m) for m in dialogue.sessions.messages(who.id, conversation)]}

    @router.delete("/conversations/{conversation}")
    def delete_conversation(conversation: str, who: Who) -> dict[str, Any]:
        gone = dialogue.sessions.delete(who.id, conversation)
        dialogue.memory.forget_messages(who.id, gone)
        return {"deleted": len(gone)}

    @router.post("/messages/{message}/feedback")
    def judge(message: str, judgement: Judgement, who: Who) -> dict[str, Any]:
        dialogue.sessions.judge(who.id, message, judgement.rating, judgement.correction)
        return judgement.model_dump()

    @router.get("/memory")
    def memory(who: Who) -> dict[str, Any]:
        return dialogue.memory.shown(who.id)

    @router.delete("/memory")
    def forget(who: Who) -> dict[str, Any]:
        return {"deleted": dialogue.memory.forget(who.id)}

    @router.delete("/memory/{item}")
    def forget_one(item: str, who: Who) -> dict[str, Any]:
        return {"deleted": dialogue.memory.forget(who.id, item)}

    @router.get("/consent")
    def consent(who: Who) -> dict[str, Any]:
        since = dialogue.sessions.consent(who.id)
        return {"training": since is not None, "since": since, "user": who.id, "kept": KEPT}

    @router.put("/consent")
    def set_consent(given: Consent, who: Who) -> dict[str, Any]:
        dialogue.sessions.set_consent(who.id, given.training)
        return consent(who)

    @router.get("/export")
    def export(who: Who) -> JSONResponse:
        headers = {"Content-Disposition": "attachment; filename=parlance-export.json"}
        return JSONResponse(exported(dialogue.sessions.database, who.id), headers=headers)

    return router


def _said(shown: Shown) -> dict[str, Any]:
    message = shown.message
    found = {"id": message.id, "role": message.role, "content": message.content, "created": message.created}
    if message.role == "assistant":
        found |= {"model": message.model, "finish_reason": message.finish_reason, "versions": shown.versions}
        found |= {"rating": shown.rating, "correction": shown.correction}
    return found
