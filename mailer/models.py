"""Index of the tables of every package, in the order of the data flow."""

from __future__ import annotations

from mailer.accounts.models import (
    ApiKey,
    ContributorCountries,
    IdempotentRequest,
    Invitation,
    PasswordResetRequest,
    SignInFailures,
)
from mailer.approval.models import (
    AccountChange,
    Approval,
    ApprovalLink,
    Authorship,
    ListChange,
    Notification,
    NotificationChoice,
    ReviewComment,
    Snapshot,
    SnapshotAuthor,
    SnapshotVariant,
    StaffNotice,
    VariantCheck,
)
from mailer.audit_log.models import AuditRecord
from mailer.delivery.models import (
    Alert,
    AlertPost,
    Delivery,
    Intervention,
    Mailing,
    OutboxMessage,
    OutcomeBatch,
    OutcomeTotal,
    ProviderHour,
    ThrottleState,
)
from mailer.editions.models import Edition, EditionText, Newsletter, NewsletterText, StoryOverride
from mailer.feedback.models import (
    BounceWave,
    FeedbackEvent,
    InboundSource,
    ReplyAnswer,
    ReturnedMessage,
    SuppressionDecision,
    WebhookHeartbeat,
    WebhookPayload,
)
from mailer.instance.models import CheckRun, Instance, SkippedStep
from mailer.monitoring.models import JobStats, WorkerProcess
from mailer.outgoing_webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage
from mailer.reports.models import MailingStats
from mailer.stories.models import Story, StoryComment, StorySource, StoryText
from mailer.tracking.models import DailyEventCount, TrackingEvent, VariantAudience

__all__ = [
    "AccountChange",
    "Alert",
    "AlertPost",
    "ApiKey",
    "Approval",
    "ApprovalLink",
    "AuditRecord",
    "Authorship",
    "BounceWave",
    "CheckRun",
    "ContributorCountries",
    "DailyEventCount",
    "Delivery",
    "Edition",
    "EditionText",
    "FeedbackEvent",
    "IdempotentRequest",
    "InboundSource",
    "Instance",
    "Intervention",
    "Invitation",
    "JobStats",
    "ListChange",
    "Mailing",
    "MailingStats",
    "Newsletter",
    "NewsletterText",
    "Notification",
    "NotificationChoice",
    "OutboxMessage",
    "OutcomeBatch",
    "OutcomeTotal",
    "PasswordResetRequest",
    "ProviderHour",
    "ReplyAnswer",
    "ReturnedMessage",
    "ReviewComment",
    "SignInFailures",
    "SkippedStep",
    "Snapshot",
    "SnapshotAuthor",
    "SnapshotVariant",
    "StaffNotice",
    "Story",
    "StoryComment",
    "StoryOverride",
    "StorySource",
    "StoryText",
    "SuppressionDecision",
    "ThrottleState",
    "TrackingEvent",
    "VariantAudience",
    "VariantCheck",
    "WebhookAttempt",
    "WebhookEndpoint",
    "WebhookHeartbeat",
    "WebhookMessage",
    "WebhookPayload",
    "WorkerProcess",
]
