"""Subscribers: found, added, changed, subscribed with consent, unsubscribed and erased."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Status
from pydantic import Field, StringConstraints
from wagtail.log_actions import log

from mailer.api.access import Needs, note_addresses_read, require_permission, user_of
from mailer.api.problems import Problem
from mailer.api.schemas_and_pagination import (
    Address,
    CountryCode,
    Cursor,
    Id,
    In,
    LanguageCode,
    Limit,
    Line,
    Out,
    PageOut,
    Text,
    format_time,
    get_or_404,
    invalid_value,
    make_cursor,
    read_cursor,
    require_valid_model,
)
from subscribers import addresses, consent, iso_codes, suppression, unsubscribe
from subscribers.bulk import apply_and_undo_bulk_actions as bulk
from subscribers.bulk.models import BulkJob
from subscribers.consent import Channel, Event, Evidence
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.search import subscriber_search
from subscribers.search.subscriber_search import Query
from subscribers.segments import subscriber_tags_and_fields
from subscribers.segments.models import CustomField
from subscribers.subscribe import subscribe

router = Router(tags=["subscribers"])

State = Literal["pending", "confirmed", "unsubscribed"]


class SubscriptionOut(Out):
    """A subscriber's subscription to a list."""

    list: int
    state: State
    source: str = Field(description="How it came about.")
    confirmed_at: str | None
    ended_at: str | None


class SubscriberOut(Out):
    """A subscriber. Only confirmed subscriptions of an address that is not suppressed get editions."""

    id: int
    email: str = Field(examples=["aigul@example.org"])
    name: str
    language: str = Field(examples=["kk"])
    countries: list[str] = Field(description="None: every country.", examples=[["KZ", "UZ"]])
    subscriptions: list[SubscriptionOut]
    suppressed: str | None = Field(description="Why the address gets no mail; null: it is not suppressed.")
    paused_until: str | None
    created_at: str


class SubscriberDetail(SubscriberOut):
    """A subscriber with tags and custom fields."""

    tags: list[str] = Field(examples=[["press"]])
    fields: dict[str, str | float] = Field(examples=[{"City": "Almaty"}])


class SubscriberPage(PageOut):
    items: list[SubscriberOut]


def _subscriptions_out(subscriber: Subscriber) -> list[SubscriptionOut]:
    return [
        SubscriptionOut(
            list=row.mailing_list_id,
            state=row.state,  # type: ignore[arg-type]  # the model's choices
            source=row.source,
            confirmed_at=format_time(row.confirmed_at),
            ended_at=format_time(row.ended_at),
        )
        for row in sorted(subscriber.subscriptions.all(), key=lambda row: row.mailing_list_id)
    ]


def _fields_of(subscriber: Subscriber, suppressed: str | None) -> dict[str, Any]:
    return {
        "id": subscriber.pk,
        "email": subscriber.email,
        "name": subscriber.name,
        "language": subscriber.language,
        "countries": list(subscriber.countries),
        "subscriptions": _subscriptions_out(subscriber),
        "suppressed": suppressed,
        "paused_until": format_time(subscriber.paused_until),
        "created_at": subscriber.created_at.isoformat(),
    }


def _detail(subscriber: Subscriber) -> SubscriberDetail:
    subscriber = Subscriber.objects.prefetch_related("subscriptions").get(pk=subscriber.pk)
    active = suppression.active_suppression(subscriber)
    return SubscriberDetail(
        **_fields_of(subscriber, active.reason if active else None),
        tags=sorted(subscriber.taggings.values_list("tag__name", flat=True)),
        fields=subscriber_tags_and_fields.custom_field_values(subscriber),
    )


def _changed(request: HttpRequest, subscriber: Subscriber, status: int = 200) -> Any:
    """The answer to a change: the subscriber, for a key that may read subscribers too; else nothing (204)."""
    if "subscribers:read" not in request.api_key.scopes:  # type: ignore[attr-defined]  # see access.ApiRequest
        return Status(204, None)
    note_addresses_read(request)
    return Status(status, _detail(subscriber))


_States = Literal["pending", "confirmed", "unsubscribed", "suppressed", "nowhere"]


@router.get("/subscribers", auth=Needs("subscribers:read"), response=SubscriberPage)
def list_subscribers(
    request: HttpRequest,
    list: Id | None = None,
    state: _States | None = None,
    language: LanguageCode | None = None,
    country: CountryCode | None = None,
    tag: Id | None = None,
    segment: Id | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """Subscribers who meet every filter, newest first.

    `state`: of a subscription (with `list`: to that list); `suppressed`, or `nowhere`: on no list. To find
    one by address, use POST /subscribers/find: no address stands in a URL.
    """
    query = Query(
        mailing_list=list,
        state=state or "",
        language=language or "",
        country=country or "",
        tag=tag,
        segment=segment,
        as_of=timezone.now().isoformat() if segment else "",
    )
    found = subscriber_search.search_page(query, limit, after=read_cursor(request, cursor) or None)
    note_addresses_read(request)
    items = []
    for one_subscriber in found.subscribers:
        suppressed = one_subscriber.suppressed  # type: ignore[attr-defined]  # annotated by the search
        active = suppression.active_suppression(one_subscriber) if suppressed else None
        items.append(_fields_of(one_subscriber, active.reason if active else None))
    more = found.after if len(found.subscribers) == limit else None
    return {"items": items, "next_cursor": None if more is None else make_cursor(request, more)}


class FindIn(In):
    email: Address


@router.post("/subscribers/find", auth=Needs("subscribers:read"), response=SubscriberDetail)
def find_subscriber(request: HttpRequest, body: FindIn) -> Any:
    """The subscriber with this address. It changes nothing; the address is in the body, not in a URL."""
    found = Subscriber.objects.filter(email=suppression.normalise_or_lower(body.email)).first()
    note_addresses_read(request)
    if found is None:
        raise Problem(404, detail="There is no subscriber with this address.")
    return _detail(found)


@router.get("/subscribers/{subscriber_id}", auth=Needs("subscribers:read"), response=SubscriberDetail)
def show_subscriber(request: HttpRequest, subscriber_id: Id) -> Any:
    """One subscriber."""
    found = get_or_404(Subscriber.objects.all(), subscriber_id)
    note_addresses_read(request)
    return _detail(found)


class SubscriberChanges(In):
    """What to change; what is left out stays. The address changes only in the desk or by the subscriber."""

    name: Line | None = None
    language: LanguageCode | None = Field(None, examples=["ru"])
    countries: list[CountryCode] | None = Field(None, max_length=250, examples=[["KZ", "UZ"]])
    tags: list[Annotated[Line, StringConstraints(min_length=1, max_length=60)]] | None = Field(
        None, max_length=100, description="Exactly these; new ones are created.", examples=[["press"]]
    )
    fields: dict[str, Line | float | int] | None = Field(
        None,
        max_length=100,
        description="Values by the names of custom fields; an empty text deletes the value. Others stay.",
        examples=[{"City": "Almaty"}],
    )


class SubscriberIn(SubscriberChanges):
    """A new subscriber, on no list yet."""

    email: Address


@router.post("/subscribers", auth=Needs("subscribers:write"), response={201: SubscriberDetail})
def create_subscriber(request: HttpRequest, body: SubscriberIn) -> Any:
    """Add a subscriber, who is on no list and gets nothing; then subscribe them with consent.

    An address that was erased is refused (409): only its owner can come back, by a sign-up.
    """
    require_permission(request, "subscribers.add_subscriber")
    email = _normalised(body.email, "/email")
    if Subscriber.objects.filter(email=email).exists():
        raise Problem(409, "already_exists", "There is a subscriber with this address.")
    if suppression.is_erased(email):
        raise Problem(
            409, "suppressed", "The address was erased: only its owner can come back, by a sign-up."
        )
    subscriber = Subscriber(email=email, language=settings.CONFIG.site.languages[0])
    _set_fields(subscriber, body)
    require_valid_model(subscriber)
    subscriber.save()
    _set_attributes(subscriber, body)
    log(instance=subscriber, action="wagtail.create", user=user_of(request))
    return Status(201, _detail(subscriber))


@router.patch(
    "/subscribers/{subscriber_id}",
    auth=Needs("subscribers:write"),
    response={200: SubscriberDetail, 204: None},
)
def change_subscriber(request: HttpRequest, subscriber_id: Id, body: SubscriberChanges) -> Any:
    """Change name, language, countries, tags and fields, with a consent record of changed preferences.

    A key without the scope `subscribers:read` gets an empty answer (204).
    """
    with transaction.atomic():
        subscriber = get_or_404(Subscriber.objects.select_for_update(), subscriber_id)
        before = subscriber.language, tuple(subscriber.countries)
        _set_fields(subscriber, body)
        require_valid_model(subscriber)
        subscriber.save()
        _set_attributes(subscriber, body)
        if (subscriber.language, tuple(subscriber.countries)) != before:
            chosen = f"{subscriber.language}: {', '.join(subscriber.countries) or 'every country'}"
            evidence = _evidence(request, chosen)
            consent.record(Event.PREFERENCES, [subscriber.pk], [None], evidence, timezone.now())
        if body.model_fields_set:
            log(instance=subscriber, action="wagtail.edit", user=user_of(request))
    return _changed(request, subscriber)


def _normalised(address: str, pointer: str) -> str:
    try:
        return addresses.normalise(address)
    except ValueError as error:
        raise invalid_value(pointer, f"The address {error}.", "invalid_address") from error


def _check_codes(language: str | None, countries: Iterable[str] | None) -> None:
    """Raises Problem for a code that is not an ISO one."""
    if language is not None and language not in iso_codes.LANGUAGES:
        raise invalid_value("/language", "This is no language code.", "unknown_language")
    if not set(countries or ()) <= iso_codes.COUNTRIES:
        raise invalid_value("/countries", "One of these is no ISO 3166-1 country code.", "unknown_country")


def _set_fields(subscriber: Subscriber, body: SubscriberChanges) -> None:
    _check_codes(body.language, body.countries)
    if body.name is not None:
        subscriber.name = body.name
    if body.language is not None:
        subscriber.language = body.language
    if body.countries is not None:
        subscriber.countries = tuple(body.countries)


def _set_attributes(subscriber: Subscriber, body: SubscriberChanges) -> None:
    """Set tags and custom fields. Raises Problem."""
    if body.tags is not None:
        try:
            subscriber_tags_and_fields.set_tags(subscriber, body.tags)
        except ValueError as error:
            raise invalid_value("/tags", str(error)) from error
    known = {field.name: field for field in CustomField.objects.all()} if body.fields else {}
    for name, value in (body.fields or {}).items():
        if name not in known:
            raise invalid_value("/fields", "There is no custom field of a given name.", "unknown_field")
        try:
            subscriber_tags_and_fields.set_value(subscriber, known[name], str(value))
        except ValueError as error:
            raise invalid_value("/fields", str(error)) from error


def _evidence(request: HttpRequest, source: str) -> Evidence:
    """What a consent record keeps of a change through the API."""
    return Evidence(Channel.API, source=source, attested_by=user_of(request).get_username())


class SubscriptionIn(In):
    """A subscription whose consent was given elsewhere."""

    list: Id
    consent: Annotated[Line, StringConstraints(min_length=5, max_length=190)] = Field(
        description="Where and when the subscriber agreed; it is stored with the subscription.",
        examples=["Paper form at the water forum, Almaty, May 2026"],
    )


@router.post(
    "/subscribers/{subscriber_id}/subscriptions",
    auth=Needs("subscribers:write"),
    response={201: SubscriberDetail, 204: None},
)
def add_subscription(request: HttpRequest, subscriber_id: Id, body: SubscriptionIn) -> Any:
    """Subscribe to a list, with the consent that you state.

    Unsubscribed and suppressed subscribers are refused (409): only they can come back, by a sign-up.
    """
    subscriber = get_or_404(Subscriber.objects.all(), subscriber_id)
    mailing_list = _list(body.list, "/list")
    user, now = user_of(request), timezone.now()
    wanted = bulk.BulkRequest(
        BulkJob.Action.ADD,
        (subscriber.pk,),
        target=mailing_list.pk,
        target_name=str(mailing_list),
        reason=body.consent,
    )
    try:
        job = bulk.create(wanted, user.get_username(), now)
    except ValueError as error:
        raise invalid_value("/consent", str(error)) from error
    bulk.API_RUNNER.run_batch(job, lambda: now)
    job.refresh_from_db()
    if not job.changed:
        raise _not_added(subscriber, mailing_list)
    log(instance=job, action="desk.bulk", user=user)
    return _changed(request, subscriber, 201)


def _not_added(subscriber: Subscriber, mailing_list: MailingList) -> Problem:
    row = subscriber.subscriptions.filter(mailing_list=mailing_list).first()
    if suppression.is_suppressed(subscriber):
        return Problem(409, "suppressed", "The address is suppressed.")
    if row is not None and row.state == Subscription.State.CONFIRMED:
        return Problem(409, "already_subscribed", "The subscriber is on this list.")
    if row is not None and row.state == Subscription.State.PENDING:
        return Problem(409, "waiting_for_confirmation", "The subscriber was asked to confirm this list.")
    return Problem(409, "unsubscribed", "The subscriber unsubscribed before, and only they can come back.")


def _list(pk: int, pointer: str) -> MailingList:
    found = MailingList.objects.filter(pk=pk).first()
    if found is None:
        raise invalid_value(pointer, f"There is no list {pk}.", "unknown_list")
    return found


class UnsubscribeIn(In):
    """A subscriber's request to get no more."""

    lists: list[Id] | None = Field(None, min_length=1, max_length=100, description="Left out: every list.")
    source: Annotated[Line, StringConstraints(max_length=190)] = Field(
        "", description="How they asked; it is stored with the consent record.", examples=["Phone call"]
    )


@router.post(
    "/subscribers/{subscriber_id}/unsubscribe",
    auth=Needs("subscribers:write"),
    response={200: SubscriberDetail, 204: None},
)
def unsubscribe_subscriber(request: HttpRequest, subscriber_id: Id, body: UnsubscribeIn) -> Any:
    """Unsubscribe at the subscriber's request. No import and no member of staff can subscribe them again.

    A key without the scope `subscribers:read` gets an empty answer (204).
    """
    subscriber = get_or_404(Subscriber.objects.all(), subscriber_id)
    evidence, now = _evidence(request, body.source), timezone.now()
    if body.lists is None:
        unsubscribe.unsubscribe_all(subscriber.pk, None, evidence, now)
    else:
        unsubscribe.unsubscribe(subscriber.pk, body.lists, None, evidence, now)
    log(instance=subscriber, action="accounts.api_unsubscribe", user=user_of(request))
    return _changed(request, subscriber)


@router.delete("/subscribers/{subscriber_id}", auth=Needs("subscribers:erase"), response={204: None})
def erase_subscriber(request: HttpRequest, subscriber_id: Id) -> Any:
    """Erase a subscriber for good. A keyed hash of the address keeps imports from adding it again."""
    subscriber = get_or_404(Subscriber.objects.all(), subscriber_id)
    with transaction.atomic():
        log(
            instance=subscriber,
            action="desk.erase",
            user=user_of(request),
            title=f"Subscriber {subscriber.pk}",
        )
        erase_and_suppress(subscriber.email, timezone.now())
    return Status(204, None)


class SignUpIn(In):
    """A sign-up, which the subscriber confirms by a link in an email (double opt-in)."""

    email: Address
    lists: list[Id] = Field(min_length=1, max_length=100, examples=[[1]])
    language: LanguageCode = Field(examples=["ru"])
    countries: list[CountryCode] = Field([], max_length=250, examples=[["KZ"]])
    consent_text: Annotated[Text, StringConstraints(max_length=2000)] = Field(
        "", description="The text beside your button, exactly.", examples=["Send me the monthly newsletter."]
    )
    page: Line = Field("", description="Where they signed up.", examples=["https://www.example.org/events"])
    ip: Annotated[str, StringConstraints(max_length=45)] = Field(
        "",
        description="The subscriber's IP address; only its network is stored. The hourly limit of sign-ups "
        "from one network counts by it; without it, all sign-ups of this kind count together.",
        examples=["203.0.113.9"],
    )
    user_agent: Line = ""


@router.post("/sign-ups", auth=Needs("subscribers:write"), response={202: None})
def sign_up(request: HttpRequest, body: SignUpIn) -> Any:
    """Record a sign-up and email the link that confirms it.

    As on the sign-up page, the answer does not tell whether the address is known or suppressed.
    """
    email = _normalised(body.email, "/email")
    for place, pk in enumerate(body.lists):
        _list(pk, f"/lists/{place}")
    _check_codes(body.language, body.countries)
    evidence = Evidence(
        Channel.API,
        text=body.consent_text,
        language=body.language,
        source=body.page,
        attested_by=user_of(request).get_username(),
        network=consent.network_of(body.ip),
        user_agent=body.user_agent,
    )
    outcome = subscribe.request_signup(
        email, sorted(set(body.lists)), body.language, body.countries, evidence, timezone.now(), answered=True
    )
    if outcome != "answered":
        raise Problem(
            429,
            "too_many_sign_ups",
            "A limit of [signup] is reached; nothing was recorded.",
            headers={"Retry-After": "3600"},
        )
    return Status(202, None)
