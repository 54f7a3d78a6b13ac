"""The project's Django application, and Wagtail's applications without the parts that a process does not use.

`settings.DESK` says whether the process serves the staff interface. Where it does not, tables, signals and
permissions are the same, but no screen is loaded: commands and worker start in half the time and memory.
Wagtail's REST API (version 3) is not served at all, so it is never loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.management import call_command
from django.db.models import ForeignKey
from django.db.models.signals import post_migrate
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.apps import WagtailAdminAppConfig
from wagtail.documents.apps import WagtailDocsAppConfig
from wagtail.images.apps import WagtailImagesAppConfig
from wagtail.snippets.apps import WagtailSnippetsAppConfig
from wagtail.users.apps import WagtailUsersAppConfig

if settings.DESK:
    import django_stubs_ext  # slow; it loads Django's own administration pages

    # Lets forms and pages name the type parameter of Django's generic classes, as the type checker requires.
    django_stubs_ext.monkeypatch()

# What each package connects at startup: signals, triggers, and what `subscribers` asks of it.
_STARTUP_FUNCTIONS = (
    "mailer.audit_log.chain.connect_signals",
    "mailer.audit_log.changes.connect_signals",
    "mailer.accounts.api_keys.connect_signals",
    "mailer.accounts.session_start_and_expiry.connect_signals",
    "mailer.approval.acting_user_of_account_changes.provide_trigger_function",
    "mailer.approval.one_account_per_person.connect_signals",
    "mailer.approval.content_changes_and_authors.connect_signals",
    "mailer.editions.audience.register_newsletters",
    "mailer.approval.unsubscribe_link_lists.connect",
    "mailer.delivery.outbox.staff_alerts.connect_signals",
    "mailer.desk.base.audit_log_actions_and_models.log_staff_model_changes",
    "mailer.desk.base.erased_subscribers_in_audit_log.connect_signals",
    "mailer.feedback.segment_conditions.register_conditions",
    "mailer.feedback.subscriber_signal_receivers.connect_signals",
    "mailer.outgoing_webhooks.events.connect_signals",
    "mailer.stories.sanitize_pictures.connect_signals",
    "mailer.tracking.segment_condition_and_personal_data.connect_signals",
)


class MailerConfig(AppConfig):
    name = "mailer"
    verbose_name = _("Newsletters")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Call the startup functions of every package. Their models can be imported only from here on."""
        for function in _STARTUP_FUNCTIONS:
            import_string(function)()
        if settings.DESK:
            import_string("mailer.accounts.second_factor.connect_signals")()
        triggers = import_module("mailer.migrations._triggers")
        post_migrate.connect(triggers.restore_missing, sender=self, dispatch_uid="mailer.triggers")
        if settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
            post_migrate.connect(_after_migrating_postgresql, sender=self, dispatch_uid="mailer.postgresql")


def _after_migrating_postgresql(using: str, **_: Any) -> None:
    """What only PostgreSQL has: the table of the cache, and triggers of the cluster engine."""
    call_command("createcachetable", database=using, verbosity=0)
    # Loads the jobs of every package.
    import_module("mailer.worker.job_queueing_triggers").create_or_drop_queueing_triggers(using)


class UsersConfig(WagtailUsersAppConfig):
    """Wagtail's pages for accounts and groups, with the desk's limits."""

    default = False
    user_viewset = "mailer.desk.accounts.accounts_and_groups.AccountViewSet"
    group_viewset = "mailer.desk.accounts.accounts_and_groups.GroupViewSet"


class SnippetsConfig(WagtailSnippetsAppConfig):
    default = False

    def ready(self) -> None:
        """As Wagtail's, but for its REST API, whose registration would load every screen at once."""
        from wagtail.models import ReferenceIndex
        from wagtail.snippets import models as snippets

        from mailer.editions.models import Edition
        from mailer.stories.models import Story

        if settings.DESK:
            snippets.register_deferred_snippets()
        else:
            # What the registration of the screens does for the tables.
            snippets.SNIPPET_MODELS.extend([Edition, Story])
        for model in (Edition, Story):
            ReferenceIndex.register_model(model)
        post_migrate.connect(snippets.create_extra_permissions, sender=self)


class ImagesConfig(WagtailImagesAppConfig):
    default = False

    def ready(self) -> None:
        """As Wagtail's, but for its REST API; widgets and comparisons only for the desk."""
        from wagtail.images import get_image_model
        from wagtail.images.signal_handlers import register_signal_handlers
        from wagtail.models import ReferenceIndex
        from wagtail.permissions import register_permission_policy

        from mailer.accounts.contributor_permissions import PicturePermissionPolicy

        image = get_image_model()
        policy = PicturePermissionPolicy(
            image, auth_model="wagtailimages.Image", owner_field_name="uploaded_by_user"
        )
        register_permission_policy(image, policy)
        register_signal_handlers()
        ReferenceIndex.register_model(image)
        if settings.DESK:
            from wagtail.admin.compare import register_comparison_class
            from wagtail.admin.forms.models import register_form_field_override
            from wagtail.admin.ui.fields import register_display_class
            from wagtail.images.components import ImageDisplay
            from wagtail.images.edit_handlers import ImageFieldComparison
            from wagtail.images.widgets import AdminImageChooser

            register_form_field_override(ForeignKey, to=image, override={"widget": AdminImageChooser})
            register_comparison_class(ForeignKey, to=image, comparison_class=ImageFieldComparison)
            register_display_class(ForeignKey, to=image, display_class=ImageDisplay)


class DocumentsConfig(WagtailDocsAppConfig):
    default = False

    def ready(self) -> None:
        """As Wagtail's, but for its REST API; displays only for the desk."""
        from wagtail.documents import get_document_model, get_permission_policy
        from wagtail.documents.signal_handlers import register_signal_handlers
        from wagtail.models import ReferenceIndex
        from wagtail.permissions import register_permission_policy

        document = get_document_model()
        register_permission_policy(document, get_permission_policy())
        register_signal_handlers()
        ReferenceIndex.register_model(document)
        if settings.DESK:
            from wagtail.admin.ui.fields import register_display_class
            from wagtail.documents.components import DocumentDisplay

            register_display_class(ForeignKey, to=document, display_class=DocumentDisplay)


class AdminConfig(WagtailAdminAppConfig):
    default = False

    def ready(self) -> None:
        """As Wagtail's for the desk; elsewhere only the hooks that data needs."""
        if settings.DESK:
            super().ready()
        else:
            _register_data_hooks()


def _register_data_hooks() -> None:
    """Register the hooks that Wagtail calls outside of screens, and keep it from searching for the others."""
    hooks.register("register_log_actions", _log_actions)
    hooks.register("register_rich_text_features", _rich_text_features)
    hooks.register("register_image_operations", _image_operations)
    hooks._searched_for_hooks = True


def _log_actions(registry: Any) -> None:
    core = import_module("wagtail.wagtail_hooks")
    core.register_core_log_actions(registry)
    core.register_workflow_log_actions(registry)
    import_module("mailer.desk.base.audit_log_actions_and_models").register_actions(registry)


def _rich_text_features(features: Any) -> None:
    """How links and pictures in rich text become HTML."""
    import_module("wagtail.wagtail_hooks").register_core_features(features)
    features.register_link_type(import_module("wagtail.documents.rich_text").DocumentLinkHandler)
    features.register_embed_type(import_module("wagtail.images.rich_text").ImageEmbedHandler)


def _image_operations() -> list[tuple[str, type]]:
    """The names of Wagtail's operations in rendition specifications."""
    operations = import_module("wagtail.images.image_operations")
    names = {
        "original": "DoNothing",
        "fill": "Fill",
        "min": "MinMax",
        "max": "MinMax",
        "width": "WidthHeight",
        "height": "WidthHeight",
        "scale": "Scale",
        "jpegquality": "JPEGQuality",
        "webpquality": "WebPQuality",
        "avifquality": "AvifQuality",
        "format": "Format",
        "bgcolor": "BackgroundColor",
    }
    return [(name, getattr(operations, f"{kind}Operation")) for name, kind in names.items()]
