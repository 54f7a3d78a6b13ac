"""Reads the bodies of webhook requests: JSON or a form, with one event or many.

Without anymail and the database: the web process needs it for signatures that are part of the body.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

# An event as the ESP sends it, decoded from JSON.
JsonEvent = dict[str, Any]
# The values of each field of a form, in their order.
Form = dict[str, list[str]]

# Nesting of an event; every ESP needs fewer than ten levels.
_MAX_DEPTH = 50
_MAX_FIELDS = 1_000
_BOUNDARY = re.compile(rb"--([\w'()+,./:=?-]{1,70})\r\n")
_FIELD_NAME = re.compile(rb'content-disposition: *form-data; *name="([^"]{0,200})"', re.IGNORECASE)


def read_json(body: bytes) -> Any:
    """Raises ValueError when it is not JSON, or nested deeper than any event."""
    try:
        decoded = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if _is_deeper(decoded, _MAX_DEPTH):
        # Writing it as JSON, or a parser of anymail, would need more stack than there is.
        raise ValueError("nested too deep")
    return decoded


def read_form(body: bytes) -> Form:
    """The fields of a form, URL-encoded or multipart; none where the body is something else. Files are left
    out.
    """
    form: Form = {}
    for name, value in _multipart_fields(body) if body.startswith(b"--") else _encoded_fields(body):
        form.setdefault(name, []).append(value)
    return form


def split_events(service: str, body: bytes) -> Iterator[tuple[JsonEvent | None, bytes]]:
    """Each event of a request and its JSON, which is a body of one event itself; None for what is no JSON."""
    try:
        decoded, is_form = _decode(service, body)
    except ValueError:
        yield None, body
        return
    events = _unpack(service, decoded)
    if events is decoded and not isinstance(decoded, list) and not is_form:
        yield decoded, body
        return
    for event in events if isinstance(events, list) else [events]:
        yield event, json.dumps(event).encode()


def mailgun_signature(body: bytes) -> tuple[str, str, str]:
    """Timestamp, token and signature of Mailgun's request, in JSON or in a form. Raises ValueError."""
    try:
        signed = _read_mailgun(body)["signature"]
        return str(signed["timestamp"]), str(signed["token"]), str(signed["signature"])
    except (KeyError, TypeError) as error:
        raise ValueError("no signature") from error


def is_url_test(service: str, body: bytes) -> bool:
    """Whether the ESP only tests the URL of a new webhook, before it names the key that signs requests."""
    try:
        if service == "mandrill":
            return read_form(body).get("mandrill_events") in ([""], ["[]"])
        decoded = read_json(body) if service == "mailersend" else None
    except ValueError:
        return False
    return isinstance(decoded, dict) and decoded.get("type") == "webhook.test"


def _decode(service: str, body: bytes) -> tuple[Any, bool]:
    """The JSON of a request, and whether it came in a form. Raises ValueError."""
    try:
        return read_json(body), False
    except ValueError:
        if service == "mailgun":
            return _read_mailgun(body), True
        if service == "mandrill":
            return read_json((read_form(body).get("mandrill_events") or [""])[0].encode()), True
        raise


def _unpack(service: str, decoded: Any) -> Any:
    """The events in the envelope of an ESP that has one; else what was decoded."""
    try:
        if service == "mailtrap" and "events" in decoded:
            return list(decoded["events"])
        if service == "unisender_go" and "events_by_user" in decoded:
            return [event for user in decoded["events_by_user"] for event in user["events"]]
    except (KeyError, TypeError):
        pass
    return decoded


def _encoded_fields(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return []


def _multipart_fields(body: bytes) -> Iterator[tuple[str, str]]:
    boundary = _BOUNDARY.match(body)
    if boundary is None:
        return
    for part in body.split(b"--" + boundary[1], _MAX_FIELDS)[1:]:
        head, _, content = part.lstrip(b"\r\n").partition(b"\r\n\r\n")
        name = _FIELD_NAME.search(head)
        if name is not None and b"filename" not in head.lower():
            yield name[1].decode("utf-8", "replace"), content.removesuffix(b"\r\n").decode("utf-8", "replace")


# Mailgun's codes of addresses that it did not send to, and the reasons of its JSON events.
_MAILGUN_CODES = {"605": "suppress-bounce", "606": "suppress-unsubscribe", "607": "suppress-complaint"}
_MAILGUN_SIGNED = ("timestamp", "token", "signature")


def _read_mailgun(body: bytes) -> JsonEvent:
    """Mailgun's request as its JSON events look; its older webhooks are forms. Raises ValueError."""
    try:
        decoded = read_json(body)
    except ValueError:
        decoded = _mailgun_event(read_form(body))
    if not isinstance(decoded, dict):
        raise ValueError("no event")
    return decoded


def _mailgun_event(form: Form) -> JsonEvent:
    """An event of Mailgun's older webhooks in its present form. Raises ValueError when the form is no event.

    Mailgun merges our variables into the fields: its own values come first, those of the signature last.
    """
    if "event" not in form or any(name not in form for name in _MAILGUN_SIGNED):
        raise ValueError("no event")
    own = {name: values[0] for name, values in form.items()}
    code, event = own.get("code", ""), own["event"]
    failed = event in ("bounced", "dropped")
    data: JsonEvent = {
        "event": "failed" if failed else event,
        "recipient": own.get("recipient", ""),
        "message": {"headers": {"message-id": own.get("Message-Id") or own.get("message-id") or ""}},
        "user-variables": _mailgun_variables(form),
        "tags": form.get("tag") or form.get("X-Mailgun-Tag") or [],
        "domain": {"name": own.get("domain", "")},
    }
    if failed:
        gave_up = own.get("reason") == "old" or code.startswith("4")
        data |= {
            "severity": "permanent",
            "reason": _MAILGUN_CODES.get(code, "old" if gave_up else "bounce"),
            "delivery-status": {
                "code": code,
                "message": own.get("error") or own.get("notification") or "",
                "description": own.get("description", ""),
            },
        }
    # The time of the signature differs between attempts, so it is not the event's.
    stable = sorted((name, values) for name, values in form.items() if name not in _MAILGUN_SIGNED)
    data["id"] = hashlib.sha256(json.dumps(stable).encode()).hexdigest()
    return {"signature": {name: form[name][-1] for name in _MAILGUN_SIGNED}, "event-data": data}


def _mailgun_variables(form: Form) -> dict[str, Any]:
    """Our variables, from the message's header where the event has it; else the field of their name."""
    try:
        headers = read_json((form.get("message-headers") or ["[]"])[0].encode())
        for name, value in headers:
            if name == "X-Mailgun-Variables":
                return dict(read_json(value.encode()))
    except (ValueError, TypeError, AttributeError):
        pass
    return {"delivery": form["delivery"][-1]} if "delivery" in form else {}


def _is_deeper(value: object, most: int) -> bool:
    """Whether lists and objects are nested deeper than `most`."""
    level = [value]
    for _ in range(most):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        ]
    return any(isinstance(one, dict | list) for one in level)
