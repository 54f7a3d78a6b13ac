"""The key with which a request is made."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from mailer.api.access import AnyKey
from mailer.api.schemas_and_pagination import (
    Out,
)

router = Router()


class KeyOut(Out):
    """The key of the request."""

    name: str
    id: str = Field(description="The part of the key that may be shown.", examples=["3f9a1c2e"])
    account: str
    scopes: list[str] = Field(examples=[["subscribers:read"]])
    expires_at: str


@router.get("/key", auth=AnyKey(), response=KeyOut, tags=["key"])
def show_key(request: HttpRequest) -> Any:
    """The name, scopes and expiry of the key with which the request is made."""
    key = request.api_key  # type: ignore[attr-defined]
    return KeyOut(
        name=key.name,
        id=key.public_id,
        account=key.user.get_username(),
        scopes=key.scopes,
        expires_at=key.expires_at.isoformat(),
    )
