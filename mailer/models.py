"""Index of the tables of every package, in the order of the data flow."""

from __future__ import annotations

from mailer.approval.models import (
    Approval,
    Authorship,
    Snapshot,
    SnapshotAuthor,
    SnapshotVariant,
    StaffNotice,
)
from mailer.delivery.models import (
    Alert,
    Delivery,
    Intervention,
    Mailing,
    OutboxMessage,
    ProviderHour,
    ThrottleState,
)
from mailer.editions.models import Edition, EditionText, Newsletter, NewsletterText
from mailer.feedback.models import FeedbackEvent, Outage, ReturnedMessage, Verdict, WayIn
from mailer.feedback.webhooks.models import ServiceContact, ServicePost
from mailer.reports.models import Tally
from mailer.stories.models import Story, StorySource, StoryText
from mailer.tracking.models import Hit, HitCount, Readership

__all__ = [
    "Alert",
    "Approval",
    "Authorship",
    "Delivery",
    "Edition",
    "EditionText",
    "FeedbackEvent",
    "Hit",
    "HitCount",
    "Intervention",
    "Mailing",
    "Newsletter",
    "NewsletterText",
    "Outage",
    "OutboxMessage",
    "ProviderHour",
    "Readership",
    "ReturnedMessage",
    "ServiceContact",
    "ServicePost",
    "Snapshot",
    "SnapshotAuthor",
    "SnapshotVariant",
    "StaffNotice",
    "Story",
    "StorySource",
    "StoryText",
    "Tally",
    "ThrottleState",
    "Verdict",
    "WayIn",
]
