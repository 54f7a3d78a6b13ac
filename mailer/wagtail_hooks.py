"""Registers the views, menus and hooks of the desk with Wagtail."""

from __future__ import annotations

from importlib import import_module

from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.paginator import WagtailPaginator
from wagtail.admin.search import admin_search_areas
from wagtail.admin.templatetags import wagtailadmin_tags
from wagtail.admin.ui import sidebar
from wagtail.admin.views import collections
from wagtail.admin.views.mixins import SpreadsheetExportMixin
from wagtail.admin.views.reports.audit_logging import LogEntriesView
from wagtail.admin.viewsets.chooser import ChooserViewSet
from wagtail.images.views import images, multiple
from wagtail.models.audit_log import BaseLogEntryManager
from wagtail.snippets.models import register_snippet
from wagtail.users.views.bulk_actions.user_bulk_action import UserBulkAction

from mailer.desk.accounts.api_keys import ApiKeysPage, RevokeApiKeyAction
from mailer.desk.accounts.notifications import NotificationChoicePage, NotificationsPage
from mailer.desk.accounts.webhooks import (
    AddWebhookPage,
    EditWebhookPage,
    RotateWebhookSecret,
    WebhookPage,
    WebhooksPage,
)
from mailer.desk.approval.views import (
    ApprovalLinkAction,
    ApproveAction,
    CheckVariantAction,
    RejectAction,
    RequestChangesAction,
    ReviewChecksPage,
    ReviewCommentAction,
    ReviewPage,
    SubmitPage,
)
from mailer.desk.base import (
    account_menu,
    audit_log_page,
    localized_names_and_dates,
    menu_and_branding,
    snippet_action_menu,
)
from mailer.desk.base.audit_log_actions_and_models import register_actions, title_in_english
from mailer.desk.base.deletion_log import log_bulk_deletion, log_deletion
from mailer.desk.base.edit_conflicts import guard_wagtail_view
from mailer.desk.base.help import HelpIndex, HelpPageView
from mailer.desk.editions.assemble_edition import AssembleView
from mailer.desk.editions.block_pages import AddBlockPage, EditBlockPage
from mailer.desk.editions.edition_pages import EditionViewSet, SettingsPage
from mailer.desk.editions.glossary import GlossaryExport, GlossaryPage, GlossaryTermPage
from mailer.desk.editions.newsletter_schedule_preview import ScheduleDatesPage
from mailer.desk.editions.newsletters import NewsletterViewSet
from mailer.desk.editions.template_part_pages import TemplatePartPage, TemplatesPage
from mailer.desk.editions.theme_field_and_preview import SamplePicture, ThemePreview
from mailer.desk.editions.translation_table_and_files import (
    TranslationExport,
    TranslationImport,
    TranslationsPage,
)
from mailer.desk.editions.variant_previews import AsReaderAction, VariantsPage
from mailer.desk.editions.workbench import ChecksPage
from mailer.desk.home import panels
from mailer.desk.home.doctor_results import DnsRecordsPage, InstallationChecksPage
from mailer.desk.home.sample_edition import SampleAction
from mailer.desk.home.setup_actions import FirstListAction, SkipStepAction
from mailer.desk.imports.column_mapping_and_review import ColumnsPage, ImportPage, RejectedRowsDownload
from mailer.desk.imports.list_and_upload import ImportViewSet
from mailer.desk.reports.delivered_email import DeliveredEmailPage
from mailer.desk.reports.edition_calendar import EditionCalendarPage
from mailer.desk.reports.edition_comparison import TrendPage
from mailer.desk.reports.mailing_report import ReportDownload, ReportPage
from mailer.desk.reports.not_delivered import NotDeliveredPage
from mailer.desk.returned_mail.views import (
    AnswerPage,
    MarkDoneAction,
    ReopenAction,
    ReplyPage,
    ReplySource,
    ReplyViewSet,
)
from mailer.desk.segments.views import SegmentViewSet
from mailer.desk.sending.dry_run import FullTestPage
from mailer.desk.sending.mailing_control import ControlAction
from mailer.desk.sending.no_send_mode import ResumeSendingPage, no_send_banner
from mailer.desk.sending.progress import ProgressPage
from mailer.desk.sending.schedule import SchedulePage
from mailer.desk.sending.test_emails import TestEmailPage
from mailer.desk.stories.comments import CommentAction, CommentDoneAction
from mailer.desk.stories.duplicate_and_restore import CarryOverAction, DuplicateAction
from mailer.desk.stories.imported_story_review import SourceItemAction, SuggestionsPage
from mailer.desk.stories.preview import StoryPreview
from mailer.desk.stories.stories_by_email import StoryMailAddressPage, StoryMailOriginal, StoryMailPage
from mailer.desk.stories.story_import_sources import AddSourcePage, EditSourcePage, SourcePage, SourcesPage
from mailer.desk.stories.story_list import StoryViewSet
from mailer.desk.stories.word_upload import WordStoriesPage, WordUploadPage
from mailer.desk.subscribers.bulk_actions import BulkActionPage, BulkJobPage, BulkJobsPage
from mailer.desk.subscribers.mailing_lists import ListChangePage, MailingListViewSet
from mailer.desk.subscribers.reconfirmation import CampaignPage, CampaignsPage, ReconfirmPage
from mailer.desk.subscribers.subscriber_pages import ErasePage, ExportPage, MergePage, SubscriberViewSet
from mailer.desk.subscribers.subscribers_to_review import SubscribersToReviewPage
from mailer.desk.subscribers.suppressions import SuppressionViewSet
from mailer.desk.subscribers.tags_and_fields import FieldViewSet, TagViewSet
from mailer.desk.suppression_decisions.views import BounceWavePage, DecisionPage, DecisionViewSet

# Stories and editions are snippets, because they have drafts and revisions.
register_snippet(StoryViewSet)
register_snippet(EditionViewSet)

# All other models.
_TABLES = [
    viewset()
    for viewset in (
        NewsletterViewSet,
        MailingListViewSet,
        SubscriberViewSet,
        SuppressionViewSet,
        SegmentViewSet,
        TagViewSet,
        FieldViewSet,
        DecisionViewSet,
        ReplyViewSet,
        ImportViewSet,
    )
]
hooks.register("register_admin_viewset", lambda: _TABLES)

# Forms of Wagtail's own pages that edit a row.
guard_wagtail_view(images.EditView)
guard_wagtail_view(collections.Edit)
# Its other screens that delete make entries in the audit log themselves.
log_deletion(multiple.DeleteView)
hooks.register("before_bulk_action", log_bulk_deletion)

# The pages of an edition.
_EDITION = [
    path("settings/", SettingsPage.as_view(), name="settings"),
    path("checks/", ChecksPage.as_view(), name="checks"),
    path("translations/", TranslationsPage.as_view(), name="translations"),
    path("translations/export/", TranslationExport.as_view(), name="translation_export"),
    path("translations/import/", TranslationImport.as_view(), name="translation_import"),
    path("block/add/", AddBlockPage.as_view(), name="block_add"),
    path("block/<slug:block>/edit/", EditBlockPage.as_view(), name="block_edit"),
    path("variants/", VariantsPage.as_view(), name="variants"),
    path("variants/as-reader/", AsReaderAction.as_view(), name="as_reader"),
    path("submit/", SubmitPage.as_view(), name="submit"),
    path("review/", ReviewPage.as_view(), name="review"),
    path("review/checks/", ReviewChecksPage.as_view(), name="review_checks"),
    path("approve/", ApproveAction.as_view(), name="approve"),
    path("comments/", ReviewCommentAction.as_view(), name="comment"),
    path("check-variant/", CheckVariantAction.as_view(), name="check_variant"),
    path("approval-link/", ApprovalLinkAction.as_view(), name="approval_link"),
    path("reject/", RejectAction.as_view(), name="reject"),
    path("request-changes/", RequestChangesAction.as_view(), name="request_changes"),
    path("test/", TestEmailPage.as_view(), name="test"),
    path("dry-run/", FullTestPage.as_view(), name="dry_run"),
    path("schedule/", SchedulePage.as_view(), name="schedule"),
    path("progress/", ProgressPage.as_view(), name="progress"),
    path("report/", ReportPage.as_view(), name="report"),
    path("report/download/", ReportDownload.as_view(), name="report_download"),
    path("not-delivered/", NotDeliveredPage.as_view(), name="not_delivered"),
    path("delivered/", DeliveredEmailPage.as_view(), name="find_delivered"),
    path("delivered/<int:reader>/", DeliveredEmailPage.as_view(), name="delivered_email"),
    path("control/", ControlAction.as_view(), name="control"),
]
# The pages and actions of a story.
_STORY = [
    path("preview/", StoryPreview.as_view(), name="preview"),
    path("duplicate/", DuplicateAction.as_view(), name="duplicate"),
    path("carry-over/", CarryOverAction.as_view(), name="carry_over"),
    path("comments/", CommentAction.as_view(), name="comment"),
    path("comments/<int:comment>/done/", CommentDoneAction.as_view(), name="comment_done"),
    path("source/<int:item>/", SourceItemAction.as_view(), name="source"),
]
_PAGES = [
    path("stories/suggestions/", SuggestionsPage.as_view(), name="desk_story_suggestions"),
    path("stories/email/", StoryMailPage.as_view(), name="desk_story_mail"),
    path("stories/email/<int:pk>/", StoryMailAddressPage.as_view(), name="desk_story_mail_edit"),
    path("stories/email/<int:pk>/original/", StoryMailOriginal.as_view(), name="desk_story_mail_original"),
    path("stories/word/", WordUploadPage.as_view(), name="desk_word_upload"),
    path("stories/word/<slug:document>/", WordStoriesPage.as_view(), name="desk_word_stories"),
    path("stories/<int:pk>/", include((_STORY, "desk_story"))),
    path("editions/<int:pk>/", include((_EDITION, "desk_edition"))),
    # In place of Wagtail's own, which has no Kazakh.
    path("jsi18n/", menu_and_branding.script_texts, name="wagtailadmin_javascript_catalog"),
    path("sources/", SourcesPage.as_view(), name="desk_sources"),
    path("sources/new/", AddSourcePage.as_view(), name="desk_source_add"),
    path("sources/<int:pk>/", SourcePage.as_view(), name="desk_source"),
    path("sources/<int:pk>/edit/", EditSourcePage.as_view(), name="desk_source_edit"),
    path("api-keys/", ApiKeysPage.as_view(), name="desk_api_keys"),
    path("api-keys/<int:pk>/revoke/", RevokeApiKeyAction.as_view(), name="desk_api_key_revoke"),
    path("checks/", InstallationChecksPage.as_view(), name="desk_checks"),
    path("checks/dns/", DnsRecordsPage.as_view(), name="desk_dns_records"),
    path("setup/skip/", SkipStepAction.as_view(), name="desk_skip_step"),
    path("setup/list/", FirstListAction.as_view(), name="desk_first_list"),
    path("setup/sample/", SampleAction.as_view(), name="desk_sample"),
    path("notifications/", NotificationsPage.as_view(), name="desk_notifications"),
    path("notifications/choose/", NotificationChoicePage.as_view(), name="desk_notification_choice"),
    path("help/", HelpIndex.as_view(), name="desk_help"),
    path("help/<slug:name>/", HelpPageView.as_view(), name="desk_help_page"),
    path("no-send/", ResumeSendingPage.as_view(), name="desk_resume_sending"),
    path("webhooks/", WebhooksPage.as_view(), name="desk_webhooks"),
    path("webhooks/new/", AddWebhookPage.as_view(), name="desk_webhook_add"),
    path("webhooks/<int:pk>/", WebhookPage.as_view(), name="desk_webhook"),
    path("webhooks/<int:pk>/edit/", EditWebhookPage.as_view(), name="desk_webhook_edit"),
    path("webhooks/<int:pk>/rotate/", RotateWebhookSecret.as_view(), name="desk_webhook_rotate"),
    path("calendar/", EditionCalendarPage.as_view(), name="desk_calendar"),
    path("newsletters/schedule-dates/", ScheduleDatesPage.as_view(), name="desk_schedule_dates"),
    path("newsletters/theme-preview/", ThemePreview.as_view(), name="desk_theme_preview"),
    path("newsletters/sample-picture/<slug:picture>/", SamplePicture.as_view(), name="desk_sample_picture"),
    path("newsletters/<int:pk>/templates/", TemplatesPage.as_view(), name="desk_templates"),
    path(
        "newsletters/<int:pk>/templates/<path:part>/", TemplatePartPage.as_view(), name="desk_template_part"
    ),
    path("newsletters/<int:pk>/glossary/", GlossaryPage.as_view(), name="desk_glossary"),
    path("newsletters/<int:pk>/glossary/csv/", GlossaryExport.as_view(), name="desk_glossary_export"),
    path("newsletters/<int:pk>/glossary/add/", GlossaryTermPage.as_view(), name="desk_glossary_add"),
    path("newsletters/<int:pk>/glossary/<int:term>/", GlossaryTermPage.as_view(), name="desk_glossary_term"),
    path("newsletters/<int:pk>/assemble/", AssembleView.as_view(), name="desk_assemble"),
    path("newsletters/<int:pk>/trend/", TrendPage.as_view(), name="desk_trend"),
    path("lists/changes/<int:pk>/", ListChangePage.as_view(), name="desk_list_change"),
    path("subscribers/<int:pk>/erase/", ErasePage.as_view(), name="desk_erase"),
    path("subscribers/<int:pk>/merge/", MergePage.as_view(), name="desk_merge"),
    path("subscribers/health/", SubscribersToReviewPage.as_view(), name="desk_list_health"),
    path("subscribers/reconfirmations/", CampaignsPage.as_view(), name="desk_reconfirmations"),
    path("subscribers/reconfirmations/<int:pk>/", CampaignPage.as_view(), name="desk_reconfirmation"),
    path("segments/<int:pk>/reconfirm/", ReconfirmPage.as_view(), name="desk_reconfirm"),
    path("subscribers/bulk/", BulkActionPage.as_view(), name="desk_bulk_action"),
    path("subscribers/bulk/jobs/", BulkJobsPage.as_view(), name="desk_bulk_jobs"),
    path("subscribers/bulk/jobs/<int:pk>/", BulkJobPage.as_view(), name="desk_bulk_job"),
    path("replies/<int:pk>/", ReplyPage.as_view(), name="desk_reply"),
    path("replies/<int:pk>/source/", ReplySource.as_view(), name="desk_reply_source"),
    path("replies/<int:pk>/answer/", AnswerPage.as_view(), name="desk_reply_answer"),
    path("replies/<int:pk>/reopen/", ReopenAction.as_view(), name="desk_reply_reopen"),
    path("subscribers/export/", ExportPage.as_view(), name="desk_export"),
    path("imports/<int:pk>/", ImportPage.as_view(), name="desk_import"),
    path("imports/<int:pk>/columns/", ColumnsPage.as_view(), name="desk_import_columns"),
    path("imports/<int:pk>/rejected/", RejectedRowsDownload.as_view(), name="desk_import_rejected"),
    path("suppression-decisions/<int:pk>/", DecisionPage.as_view(), name="desk_suppression_decision"),
    path("bounce-waves/<int:pk>/", BounceWavePage.as_view(), name="desk_bounce_wave"),
]
hooks.register("register_admin_urls", lambda: _PAGES)
hooks.register("register_bulk_action", MarkDoneAction)


def _remove_account_bulk_actions() -> None:
    """Remove Wagtail's bulk actions for accounts: they do not ask what the editor may give away."""
    # It registers them when it is imported.
    import_module("wagtail.users.wagtail_hooks")
    kept = [
        entry for entry in hooks._hooks["register_bulk_action"] if not issubclass(entry[0], UserBulkAction)
    ]
    hooks._hooks["register_bulk_action"] = kept


_remove_account_bulk_actions()

# Menu and home page.
hooks.register("register_admin_menu_item", menu_and_branding.subscribers_menu)
hooks.register("register_admin_menu_item", menu_and_branding.story_sources_item)
hooks.register("register_admin_menu_item", menu_and_branding.home_item)
hooks.register("register_admin_menu_item", menu_and_branding.calendar_item)
hooks.register("register_admin_menu_item", menu_and_branding.notifications_item)
hooks.register("register_admin_search_area", menu_and_branding.story_search)
hooks.register("register_settings_menu_item", menu_and_branding.audit_log)
hooks.register("register_settings_menu_item", account_menu.own_sign_in)
hooks.register("register_account_settings_panel", account_menu.sign_in_panel)
hooks.register("register_settings_menu_item", menu_and_branding.api_keys)
hooks.register("register_settings_menu_item", menu_and_branding.webhooks)
hooks.register("register_settings_menu_item", menu_and_branding.checks)
# Everywhere else it is called so.
LogEntriesView.page_title = _("Audit log")
LogEntriesView.filterset_class = audit_log_page.AuditLogFilters
LogEntriesView.get_filtered_queryset = audit_log_page.filtered_entries
BaseLogEntryManager.get_instance_title = title_in_english
# Also for every other list that Wagtail exports.
SpreadsheetExportMixin.write_csv_row = audit_log_page.write_escaped_row
# Wagtail translates it once.
ChooserViewSet.search_tab_label = _("Search")
wagtailadmin_tags.JSContext = account_menu.SidebarContext
sidebar.BaseSidebarAdapter.get_media = account_menu.no_media
admin_search_areas.search_items_for_request = menu_and_branding.first_permitted_search_area
WagtailPaginator.items_count_label = property(localized_names_and_dates.items_count_label)
hooks.register("construct_main_menu", menu_and_branding.customize_main)
hooks.register("construct_reports_menu", menu_and_branding.customize_reports)
hooks.register("construct_settings_menu", menu_and_branding.customize_settings)
hooks.register("register_help_menu_item", menu_and_branding.help_for_page)
hooks.register("register_help_menu_item", menu_and_branding.all_help)
hooks.register("construct_help_menu", menu_and_branding.remove_wagtail_org_links)
hooks.register("construct_search", menu_and_branding.keep_only_story_search_area)
hooks.register("construct_snippet_action_menu", snippet_action_menu.keep_only_save_for_editions)
hooks.register("construct_homepage_panels", panels.replace_panels)
hooks.register("construct_homepage_summary_items", panels.remove_summary)

# Branding, and the actions of the audit log.
hooks.register("insert_global_admin_css", menu_and_branding.styles)
hooks.register("insert_global_admin_js", menu_and_branding.scripts)
hooks.register("desk_name", menu_and_branding.site_name)
hooks.register("desk_banner", no_send_banner)
hooks.register("register_log_actions", register_actions, order=1)
