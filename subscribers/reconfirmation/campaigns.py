"""Reconfirmation campaigns: created by staff, sent in batches, answered by subscribers, finished by staff."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext

from subscribers import former_addresses_and_merged_ids, resumable_jobs, tokens, transactional_emails
from subscribers.bulk import apply_and_undo_bulk_actions as bulk
from subscribers.bulk.models import BulkJob
from subscribers.consent import Event, Evidence, record
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.reconfirmation.models import ReconfirmationCampaign, ReconfirmationRequest
from subscribers.resumable_jobs import JobRunner, Stop, WrongState
from subscribers.segments import mailing_audience_query, segments
from subscribers.segments.models import Segment
from subscribers.segments.rule_format import InvalidRule, from_json, to_json
from subscribers.segments.segments import load_expanded_rule
from subscribers.subscribe import subscribe
from subscribers.translate_stored_texts import stored

State = ReconfirmationCampaign.State

# No subscriber is asked again sooner.
ASK_AGAIN_AFTER = timedelta(days=90)
_MIN_DAYS, _MAX_DAYS = 7, 90
# The link in the email.
_LINK = re.compile(r"/stay/([A-Za-z0-9_-]+)/")


class CampaignRunner(JobRunner[ReconfirmationCampaign]):
    """Sends the emails of campaigns."""

    model = ReconfirmationCampaign
    # Less than the minute between two looks.
    retry_after = timedelta(seconds=50)

    def __init__(self, batch_size: int = 100) -> None:
        """`batch_size`: emails of a campaign in a minute, too few for a mail system to take them for spam."""
        self.batch_size = batch_size

    def batch(self, job: ReconfirmationCampaign, now: datetime) -> ReconfirmationCampaign:
        try:
            people = (
                list(remaining_recipients(job, now)[: self.batch_size]) if now.date() < job.deadline else []
            )
        except InvalidRule:
            # No one else can be asked; those who were asked may still answer.
            people = []
        ReconfirmationRequest.objects.bulk_create(
            ReconfirmationRequest(campaign=job, subscriber=one, sent_at=now) for one in people
        )
        for person in people:
            self.send(job, person)
        job.move_past(people, self.batch_size, State.WAITING)
        return job

    def send(self, campaign: ReconfirmationCampaign, person: Subscriber) -> None:
        """Send one email."""
        token = tokens.make_token("reconfirm", person.pk, campaign.pk)
        transactional_emails.send_reconfirmation(person, campaign.mailing_list_id, token, campaign.deadline)


RUNNER = CampaignRunner()


def start_campaign(
    segment: Segment, mailing_list: MailingList, days: int, by: str, now: datetime
) -> ReconfirmationCampaign:
    """A campaign to the subscribers of a segment who are on the list. Raises ValueError with a message."""
    if not _MIN_DAYS <= days <= _MAX_DAYS:
        text = gettext("Give subscribers %(least)s to %(most)s days to answer.")
        raise ValueError(text % {"least": _MIN_DAYS, "most": _MAX_DAYS})
    return ReconfirmationCampaign.objects.create(
        mailing_list=mailing_list,
        rule=to_json(load_expanded_rule(segment)),
        segment_name=segment.name,
        deadline=(now + timedelta(days=days)).date(),
        created_by=by,
        created_at=now,
    )


def remaining_recipients(campaign: ReconfirmationCampaign, now: datetime) -> QuerySet[Subscriber]:
    """Who has still to be asked: confirmed on the list, not suppressed or paused, and not asked lately.

    Raises InvalidRule where a list or tag of the rule was deleted since.
    """
    on_list = Subscription.objects.filter(
        subscriber=OuterRef("pk"), mailing_list=campaign.mailing_list, state=Subscription.State.CONFIRMED
    )
    lately = ReconfirmationRequest.objects.filter(
        subscriber=OuterRef("pk"), sent_at__gt=now - ASK_AGAIN_AFTER
    )
    rule = from_json(campaign.rule)
    # "None of a tag" that was deleted since would match everyone.
    segments.require_lists_and_tags_exist(rule)
    people = segments.matching_subscribers(rule, campaign.created_at).filter(pk__gt=campaign.position)
    people = people.filter(Exists(on_list)).exclude(paused_until__gt=now)
    return (
        people.exclude(mailing_audience_query.suppressed_condition()).exclude(Exists(lately)).order_by("pk")
    )


def run_due_batches(now: datetime, stop: Stop = lambda: False) -> int:
    """The worker's job: send one batch of each campaign; returns batches sent."""
    return RUNNER.run_due(lambda: now, stop, rounds=1)


def read_token(token: str) -> tuple[ReconfirmationCampaign, Subscriber]:
    """The campaign and subscriber of a link in its email; raises InvalidToken."""
    claim, person = former_addresses_and_merged_ids.read_subscriber_token("reconfirm", token)
    campaign = ReconfirmationCampaign.objects.select_related("mailing_list").filter(pk=claim.scope).first()
    if campaign is None:
        raise tokens.InvalidToken("the campaign was deleted")
    return campaign, person


def confirm_or_resubscribe(
    campaign: ReconfirmationCampaign, person: Subscriber, evidence: Evidence, now: datetime
) -> None:
    """The subscriber still wants the list; puts them back on it where they were removed meanwhile."""
    with transaction.atomic():
        unanswered = campaign.requests.filter(subscriber=person, confirmed_at__isnull=True)
        unanswered.update(confirmed_at=now)
        on_list = person.subscriptions.filter(
            mailing_list=campaign.mailing_list_id, state=Subscription.State.CONFIRMED
        )
        if on_list.exists():
            confirmed = person.consents.filter(
                event=Event.CONFIRMED, mailing_list=campaign.mailing_list_id, at__gte=campaign.created_at
            )
            if not confirmed.exists():
                record(Event.CONFIRMED, [person.pk], [campaign.mailing_list_id], evidence, now)
        else:
            subscribe.add_to_lists(person, [campaign.mailing_list_id], evidence, now)


def delete_unsent_request(message: bytes) -> None:
    """Delete the unanswered request whose email is given up: who was not asked stays on the list.

    `message`: the complete email. Nothing happens for any other one.
    """
    body = email.message_from_bytes(message, policy=email.policy.default).get_body(("plain",))
    found = _LINK.search(body.get_content()) if body is not None else None
    if found is None:
        return
    try:
        campaign, person = read_token(found[1])
    except tokens.InvalidToken:
        return
    campaign.requests.filter(subscriber=person, confirmed_at__isnull=True).delete()


def cancel(campaign: ReconfirmationCampaign, by: str, now: datetime) -> None:
    """Ask no one else, and change no subscription. Raises WrongState."""
    _end(campaign, State.CANCELLED, by, now)


def finish_and_remove_unanswered(campaign: ReconfirmationCampaign, by: str, now: datetime) -> BulkJob:
    """Remove those who did not answer from the list, by a bulk job that can be undone. Raises WrongState."""
    if now.date() <= campaign.deadline:
        raise WrongState(
            gettext("Subscribers can answer until %(deadline)s.") % {"deadline": campaign.deadline}
        )
    with transaction.atomic():
        _end(campaign, State.FINISHED, by, now)
        if not campaign.requests.filter(confirmed_at__isnull=True).exists():
            raise WrongState(gettext("Everyone answered, so there is nobody to unsubscribe."))
        request = bulk.BulkRequest(
            BulkJob.Action.REMOVE,
            campaign=campaign.pk,
            target=campaign.mailing_list_id,
            target_name=str(campaign.mailing_list),
            reason=stored(
                "Did not confirm by %(deadline)s that they still want the newsletter.",
                deadline=campaign.deadline,
            ),
        )
        return bulk.create(request, by, now)


def _end(campaign: ReconfirmationCampaign, state: str, by: str, now: datetime) -> None:
    if not resumable_jobs.transition(
        campaign, [State.SENDING, State.WAITING], state, ended_by=by, ended_at=now
    ):
        raise WrongState(
            gettext("This reconfirmation is already in the state “%(state)s”.")
            % {"state": campaign.get_state_display()}
        )
