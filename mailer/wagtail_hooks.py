"""Contents page: the desk's screens, menus and marks, as Wagtail finds them."""

from __future__ import annotations

from django.urls import include, path
from wagtail import hooks
from wagtail.snippets.models import register_snippet

from mailer.desk import home, menu
from mailer.desk.approval.views import ApproveAction, ReviewPage, SendBackAction, SubmitPage
from mailer.desk.base import brand, save_buttons
from mailer.desk.base.log_actions import register_actions
from mailer.desk.editions.newsletters import AssembleView, NewsletterViewSet
from mailer.desk.editions.variants import VariantsPage
from mailer.desk.editions.views import EditionViewSet
from mailer.desk.imports.detail import ColumnsPage, RefusedFile, RunPage
from mailer.desk.imports.list import ImportViewSet
from mailer.desk.replies.decision_detail import VerdictPage
from mailer.desk.replies.decision_list import VerdictViewSet
from mailer.desk.replies.detail import MessagePage, MessageSource, TakeBackAction
from mailer.desk.replies.list import DoneAction, MailboxViewSet
from mailer.desk.replies.outage import OutagePage
from mailer.desk.reports.exports import TakeAway
from mailer.desk.reports.not_delivered import UnreachedPage
from mailer.desk.reports.report import ReportPage
from mailer.desk.reports.trends import TrendPage
from mailer.desk.segments.views import SegmentViewSet
from mailer.desk.sending.dry_run import RehearsePage
from mailer.desk.sending.mailing_actions import ControlAction
from mailer.desk.sending.scheduling import SchedulePage
from mailer.desk.stories.views import StoryViewSet
from mailer.desk.subscribers.bulk import BulkPage, BulkRunPage, BulkRunsPage
from mailer.desk.subscribers.exports import ExportPage
from mailer.desk.subscribers.list import SubscriberViewSet
from mailer.desk.subscribers.list_health import HygienePage
from mailer.desk.subscribers.lists import MailingListViewSet
from mailer.desk.subscribers.reconfirmation import AskingPage, AskingsPage, AskPage
from mailer.desk.subscribers.subscriber_actions import ErasePage, MergePage
from mailer.desk.subscribers.suppressions import SuppressionViewSet
from mailer.desk.subscribers.tags_fields import FieldViewSet, TagViewSet

# Stories and editions have drafts and revisions, so they are snippets.
register_snippet(StoryViewSet)
register_snippet(EditionViewSet)

# The other tables.
_TABLES = [
    viewset()
    for viewset in (
        *(NewsletterViewSet, MailingListViewSet, SubscriberViewSet, SuppressionViewSet),
        *(SegmentViewSet, TagViewSet, FieldViewSet, VerdictViewSet, MailboxViewSet, ImportViewSet),
    )
]
hooks.register("register_admin_viewset", lambda: _TABLES)

# An edition's way from draft to report.
_EDITION = [
    path("variants/", VariantsPage.as_view(), name="variants"),
    path("submit/", SubmitPage.as_view(), name="submit"),
    path("review/", ReviewPage.as_view(), name="review"),
    path("approve/", ApproveAction.as_view(), name="approve"),
    path("send-back/", SendBackAction.as_view(), name="send_back"),
    path("rehearse/", RehearsePage.as_view(), name="rehearse"),
    path("schedule/", SchedulePage.as_view(), name="schedule"),
    path("report/", ReportPage.as_view(), name="report"),
    path("report/download/", TakeAway.as_view(), name="take_away"),
    path("unreached/", UnreachedPage.as_view(), name="unreached"),
    path("control/", ControlAction.as_view(), name="control"),
]
_PAGES = [
    path("editions/<int:pk>/", include((_EDITION, "desk_edition"))),
    path("newsletters/<int:pk>/assemble/", AssembleView.as_view(), name="desk_assemble"),
    path("newsletters/<int:pk>/trend/", TrendPage.as_view(), name="desk_trend"),
    path("people/<int:pk>/erase/", ErasePage.as_view(), name="desk_erase"),
    path("people/<int:pk>/merge/", MergePage.as_view(), name="desk_merge"),
    path("people/health/", HygienePage.as_view(), name="desk_hygiene"),
    path("people/questions/", AskingsPage.as_view(), name="desk_askings"),
    path("people/questions/<int:pk>/", AskingPage.as_view(), name="desk_asking"),
    path("segments/<int:pk>/ask/", AskPage.as_view(), name="desk_ask"),
    path("people/change/", BulkPage.as_view(), name="desk_bulk"),
    path("people/changes/", BulkRunsPage.as_view(), name="desk_bulk_runs"),
    path("people/changes/<int:pk>/", BulkRunPage.as_view(), name="desk_bulk_run"),
    path("mailbox/<int:pk>/", MessagePage.as_view(), name="desk_message"),
    path("mailbox/<int:pk>/source/", MessageSource.as_view(), name="desk_message_source"),
    path("mailbox/<int:pk>/take-back/", TakeBackAction.as_view(), name="desk_message_take_back"),
    path("people/export/", ExportPage.as_view(), name="desk_export"),
    path("imports/<int:pk>/", RunPage.as_view(), name="desk_import"),
    path("imports/<int:pk>/columns/", ColumnsPage.as_view(), name="desk_import_columns"),
    path("imports/<int:pk>/not-taken/", RefusedFile.as_view(), name="desk_import_refused"),
    path("verdicts/<int:pk>/", VerdictPage.as_view(), name="desk_verdict"),
    path("outages/<int:pk>/", OutagePage.as_view(), name="desk_outage"),
]
hooks.register("register_admin_urls", lambda: _PAGES)
hooks.register("register_bulk_action", DoneAction)

# The menu and the first page.
hooks.register("register_admin_menu_item", menu.people_menu)
hooks.register("register_admin_search_area", menu.story_search)
hooks.register("construct_main_menu", menu.tidy_main)
hooks.register("construct_reports_menu", menu.tidy_reports)
hooks.register("construct_settings_menu", menu.tidy_settings)
hooks.register("construct_help_menu", menu.tidy_help)
hooks.register("construct_search", menu.tidy_search)
hooks.register("construct_snippet_action_menu", save_buttons.tidy_actions)
hooks.register("construct_homepage_panels", home.panels)
hooks.register("construct_homepage_summary_items", home.no_summary)

# Name, mark and accent; what the audit log calls our deeds.
hooks.register("insert_global_admin_css", brand.styles)
hooks.register("insert_global_admin_js", brand.scripts)
hooks.register("desk_name", brand.name)
hooks.register("register_log_actions", register_actions)
