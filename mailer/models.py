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
from mailer.feedback.models import (
    DomainOutage,
    FeedbackEvent,
    InboundSource,
    ReturnedMessage,
    SuppressionDecision,
)
from mailer.feedback.webhooks.models import ServiceContact, ServicePost
from mailer.reports.models import Tally
from mailer.stories.models import Story, StorySource, StoryText
from mailer.tracking.models import Hit, HitCount, Readership

__all__ = [
    "Alert",
    "Approval",
    "Authorship",
    "Delivery",
    "DomainOutage",
    "Edition",
    "EditionText",
    "FeedbackEvent",
    "Hit",
    "HitCount",
    "InboundSource",
    "Intervention",
    "Mailing",
    "Newsletter",
    "NewsletterText",
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
    "SuppressionDecision",
    "Tally",
    "ThrottleState",
]
