"""An edition as one subscriber got it: the approved bytes of the variant in their delivery.

Only for users who may see addresses; the audit log names who looked, and at whose email. Nothing of it counts
as an open or a click: the stored variant has no tracked link and no pixel, and its links lead nowhere here.
"""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages

from mailer.approval.snapshot_state_changes import SnapshotChanged
from mailer.delivery.message_builder import load_context, rendered_of, require_variant_unchanged
from mailer.delivery.models import Delivery, Mailing
from mailer.desk.base.page_base_classes import EditionPage
from mailer.desk.base.personal_data_access_log import note_view
from mailer.desk.editions.preview_modes import VIEWS, shown_as
from mailer.desk.editions.variant_previews import fill_placeholders
from mailer.desk.reports.not_delivered import recipient_rows
from mailer.rendering.data_types import RenderedVariant
from mailer.reports.not_delivered import OUTCOME_REASON
from mailer.reports.stats import latest_mailing
from subscribers.addresses import normalise
from subscribers.code_list_field import split_codes
from subscribers.models import Subscriber

_LOG_ACTION = "desk.view_delivered_email"


class DeliveredEmailPage(EditionPage):
    """Finds a subscriber by address or number (POST), and shows the edition as they got it (GET)."""

    page_title = _("The email as a subscriber got it")
    tab = _("Report")
    template_name = "desk/reports/delivered_email.html"

    def has_permission(self) -> bool:
        return super().has_permission() and self.request.user.has_perm("subscribers.view_subscriber")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "reader" in kwargs:
            # What cannot be logged is not shown.
            note_view(request, self.edition, _LOG_ACTION, data={"subscriber": str(kwargs["reader"])})
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        mailing = latest_mailing(self.edition)
        context |= {"mailing": mailing, "typed": kwargs.get("typed", "")}
        if "reader" not in kwargs:
            return context
        delivery = _delivery(mailing, kwargs["reader"])
        if delivery is None:
            raise Http404
        return {**context, **self._delivered(delivery)}

    def _delivered(self, delivery: Delivery) -> dict[str, Any]:
        chosen = self.request.GET.get("as", "")
        view_as = chosen if chosen in dict(VIEWS) else "html"
        email, changed = _stored_email(delivery)
        (row,) = recipient_rows([delivery])
        return {
            "delivery": delivery,
            "row": row,
            "email": shown_as(email, view_as) if email else None,
            # Why the stored email is not shown: it is not what was approved.
            "changed": changed,
            "views": VIEWS,
            "view_as": view_as,
            "query": "",
        }

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        typed = request.POST.get("reader", "").strip()
        subscriber = _find(typed)
        if subscriber is not None and _delivery(latest_mailing(self.edition), subscriber) is not None:
            return redirect("desk_edition:delivered_email", self.edition.pk, subscriber)
        messages.error(
            request, gettext("This edition was not sent to a subscriber with this address or number.")
        )
        return self.render_to_response(self.get_context_data(typed=typed))


def _find(typed: str) -> int | None:
    """The id of a subscriber, from an address or the id itself; None where nothing fits."""
    if typed.isascii() and typed.isdigit() and len(typed) < 19:
        return int(typed)
    try:
        address = normalise(typed)
    except ValueError:
        return None
    return Subscriber.objects.filter(email=address).values_list("pk", flat=True).first()


def _delivery(mailing: Mailing | None, subscriber: int) -> Delivery | None:
    if mailing is None:
        return None
    # Annotated with a column that the type of the queryset does not know.
    found: Any = Delivery.objects.filter(mailing=mailing, subscriber=subscriber)
    found = found.annotate(outcome_reason=OUTCOME_REASON).select_related("variant", "mailing__snapshot")
    delivery: Delivery | None = found.first()
    return delivery


def _stored_email(delivery: Delivery) -> tuple[RenderedVariant | None, str]:
    """What the delivery's message showed, and why it cannot be shown; None where nothing was to be sent."""
    if delivery.variant is None:
        return None, ""
    countries = split_codes(delivery.countries)
    try:
        require_variant_unchanged(load_context(delivery.mailing.snapshot), delivery.variant, countries)
    except SnapshotChanged as error:
        return None, str(error)
    return fill_placeholders(rendered_of(delivery.variant), countries), ""
