"""Django's settings, derived from the configuration file."""

from __future__ import annotations

import importlib.util
import os
from datetime import UTC, datetime
from email.utils import formataddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import dj_database_url
from django.utils.functional import SimpleLazyObject

from mailer import config as _config
from mailer.config import key_ring as _key_ring

# Whether this process serves the staff interface; settings_without_web.py is for those that do not.
DESK = True

CONFIG = _config.load(Path(os.environ.get("MAILER_CONFIG", "config.toml")), os.environ)

_PACKAGE = Path(__file__).resolve().parent
# In an installed wheel the templates are inside the package, in a checkout beside it.
TEMPLATE_ROOT = next(
    path for path in (_PACKAGE / "templates", _PACKAGE.parent / "templates") if (path / "mail").is_dir()
)


def _database() -> dict[str, Any]:
    url = CONFIG.database.url
    if url.startswith("sqlite:///"):
        name = url.removeprefix("sqlite:///")
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": name if name == ":memory:" else str(CONFIG.path(name)),
            # Opening and closing a connection for each page costs more than most pages.
            "CONN_MAX_AGE": 60,
            "OPTIONS": {
                # Writers queue instead of failing, and a commit survives a power failure.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;",
            },
        }
    try:
        parsed: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True))
    except (ValueError, KeyError, dj_database_url.ParseError) as error:
        raise _config.ConfigError(
            "[database] url cannot be parsed; write sqlite:///mailer.db or postgresql://user:password@host/name."
        ) from error
    if parsed.get("ENGINE") != "django.db.backends.postgresql":
        raise _config.ConfigError(
            "[database] url: only sqlite:/// and postgresql:// databases are supported."
        )
    # Options in the URL take precedence.
    return {**parsed, "OPTIONS": {**_POSTGRESQL, **parsed.get("OPTIONS", {})}}


_POSTGRESQL: dict[str, Any] = {
    "options": " ".join(
        f"-c {name}={value}"
        for name, value in {
            # Rows are in memory or on a disk without seek times, and no query is worth compiling.
            "random_page_cost": 1.1,
            "jit": "off",
            # A process or machine that stopped within a transaction keeps its locks for so long.
            "idle_in_transaction_session_timeout": "120s",
            "tcp_keepalives_idle": 15,
            "tcp_keepalives_interval": 5,
            "tcp_keepalives_count": 3,
            "tcp_user_timeout": "30s",
        }.items()
    ),
    # A server that is cut off is noticed within half a minute.
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


DATABASES = {"default": _database()}
_IN_MEMORY = "django.core.cache.backends.locmem.LocMemCache"
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": _IN_MEMORY},
    "renditions": {"BACKEND": _IN_MEMORY, "LOCATION": "renditions"},
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # Which one-time codes were used must be known to all web processes, which may be on several machines.
    # `mailer migrate` creates the table.
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "mailer_cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_KEYS = _key_ring.load(CONFIG.path(CONFIG.keys.file), datetime.now(UTC))
SECRET_KEY, *SECRET_KEY_FALLBACKS = _KEYS.secrets("sessions")
# Key id and secret; the first encrypts the ids in links and mail addresses, all of them decrypt.
TOKEN_KEYS = tuple((key.id, key.secret) for key in _KEYS.keys["tokens"])
# Encrypt secrets in the database: the first one; all of them decrypt.
STORED_SECRET_KEYS = _KEYS.secrets("stored_secrets")
ADDRESS_HASH_KEY = _KEYS.current("addresses").secret
AUDIT_LOG_KEY = _KEYS.current("audit_log").secret
DEBUG = CONFIG.site.debug
_HOST = urlsplit(CONFIG.site.url).hostname or "localhost"
ALLOWED_HOSTS = sorted({_HOST, "127.0.0.1", "localhost"})
CSRF_TRUSTED_ORIGINS = [CONFIG.site.url]
CSRF_FAILURE_VIEW = "mailer.accounts.reauthentication.csrf_failure_view"
ROOT_URLCONF = "mailer.urls"
WSGI_APPLICATION = "mailer.wsgi.application"

INSTALLED_APPS = [
    "mailer.apps.MailerConfig",
    "subscribers",
    "mailer.apps.UsersConfig",
    "mailer.apps.SnippetsConfig",
    "mailer.apps.ImagesConfig",
    # Not used, and hidden in the desk: Wagtail's own pages link to its URLs.
    "mailer.apps.DocumentsConfig",
    "wagtail.search",
    "mailer.apps.AdminConfig",
    "wagtail",
    "modelcluster",
    "taggit",
    "django_filters",
    "django.contrib.auth",
    # Sign-in; settings_without_web.py leaves these out.
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
]

if CONFIG.worker.engine == "cluster":
    # Its tables; the embedded engine neither has nor loads them.
    INSTALLED_APPS.append("procrastinate.contrib.django")
# The jobs are in mailer/job_index.py, and in no package's module `tasks`.
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = None

MIDDLEWARE = [
    # First, so that what the others log has the request's id.
    "mailer.monitoring.middleware.RequestIdMiddleware",
    # Before the others, because what it refuses may cost next to nothing.
    "mailer.accounts.middleware.SignInThrottle",
    "django.middleware.security.SecurityMiddleware",
    "mailer.middleware.SecurityHeadersMiddleware",
    # Before sessions, which the API does not use.
    "mailer.api.middleware.ApiMiddleware",
    "mailer.middleware.AllowedMethodsMiddleware",
    "mailer.monitoring.middleware.MonitoringMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # After accounts, because staff choose their language.
    "mailer.middleware.LanguageMiddleware",
    # Before the limits, which say why a password is asked for again.
    "django.contrib.messages.middleware.MessageMiddleware",
    "mailer.accounts.middleware.SessionLimits",
    "mailer.approval.acting_user_of_account_changes.ActingUserMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "mailer.middleware.ProtectedDeleteMiddleware",
    "mailer.middleware.DeletedRowMiddleware",
    "mailer.desk.base.personal_data_access_log.PersonalDataMiddleware",
    "mailer.middleware.HostileInputMiddleware",
]

if CONFIG.tracing.endpoint:
    MIDDLEWARE.insert(0, "mailer.telemetry.TracingMiddleware")

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [TEMPLATE_ROOT],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mailer.accounts.middleware.office_name",
            ],
            "libraries": {
                "desk_forms": "mailer.desk.base.form_template_tags",
                "desk_setup": "mailer.desk.base.setup_progress",
                "desk_tables": "mailer.desk.base.table_template_tags",
            },
        },
    },
]

FORM_RENDERER = "mailer.desk.base.form_renderer.FormRenderer"

_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": f"{_VALIDATION}.NumericPasswordValidator"},
    {"NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator"},
    {"NAME": "mailer.accounts.password_validators.LeakedPasswordValidator"},
    {"NAME": "mailer.accounts.password_validators.OfficeNameValidator"},
]
AUTHENTICATION_BACKENDS = ["mailer.accounts.auth_backend.PasswordBackend"]
LOGIN_URL = WAGTAILADMIN_LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "wagtailadmin_home"
LOGOUT_REDIRECT_URL = "account_login"
PASSWORD_RESET_TIMEOUT = 3 * 86400

ACCOUNT_ADAPTER = "mailer.accounts.allauth_adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
# mailer/accounts/sign_in_limits.py counts for all processes; allauth would count in each process's memory.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = int(CONFIG.accounts.recent_minutes * 60)
MFA_ADAPTER = "mailer.accounts.second_factor.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "mailer.accounts.forms.SecondFactorForm",
    "reauthenticate": "mailer.accounts.forms.RepeatSecondFactorForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
# Addresses are proven by the invitation, whose link was mailed to them.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = CONFIG.site.name
# Clocks of telephones may be half a minute off.
MFA_TOTP_TOLERANCE = 1

SOCIALACCOUNT_ADAPTER = "mailer.accounts.allauth_adapters.OidcAdapter"
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "office",
                "name": CONFIG.oidc.name,
                "client_id": CONFIG.oidc.client_id,
                "secret": CONFIG.oidc.client_secret,
                "settings": {"server_url": CONFIG.oidc.issuer},
            }
        ]
        if CONFIG.oidc.issuer
        else [],
    }
}

# What commands, logs and the database are written in. Pages and emails are in the languages of their readers.
LANGUAGE_CODE = "en"
# Those of readers' pages.
LANGUAGES = [
    ("en", "English"),
    ("ru", "Русский"),
    ("kk", "Қазақша"),
    ("ky", "Кыргызча"),
    ("tg", "Тоҷикӣ"),
    ("uz", "Oʻzbekcha"),
    ("tk", "Türkmençe"),
]
# Those of staff pages. Catalogues: mailer/locale; `make messages` updates them.
WAGTAILADMIN_PERMITTED_LANGUAGES = [("en", "English"), ("ru", "Русский"), ("kk", "Қазақша")]
# Strings of Wagtail and other libraries that those have no translation of.
LOCALE_PATHS = [_PACKAGE / "locale" / "libraries"]
TIME_ZONE = CONFIG.site.timezone
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = ["mailer.config.formats"]

STATIC_URL = "/static/"
STATICFILES_DIRS = [_PACKAGE / "static"]
# An installed wheel collects static files when web starts (worker/process_startup.py), under names with a
# hash of their content, which browsers keep for good. A checkout serves them from where they are.
STATIC_FILES_COLLECTED = TEMPLATE_ROOT.parent == _PACKAGE
STATIC_ROOT = CONFIG.path(CONFIG.storage.path) / "static" if STATIC_FILES_COLLECTED else None
_STATIC_STORAGE = (
    "whitenoise.storage.CompressedManifestStaticFilesStorage"
    if STATIC_FILES_COLLECTED
    else "django.contrib.staticfiles.storage.StaticFilesStorage"
)
_MEDIA = CONFIG.path(CONFIG.storage.media_path or CONFIG.storage.path)
# Pictures are "default", and uploaded files "imports".
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "imports": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": _MEDIA / "imports"},
    },
    "staticfiles": {"BACKEND": _STATIC_STORAGE},
}
if CONFIG.storage.media == "s3":
    if importlib.util.find_spec("storages") is None or importlib.util.find_spec("boto3") is None:
        raise _config.ConfigError(
            '[storage] media = "s3" needs more libraries: install the program with its extra s3.'
        )
    for _name, _folder in (("default", "media"), ("imports", "imports")):
        STORAGES[_name] = {"BACKEND": "mailer.object_storage.Bucket", "OPTIONS": {"folder": _folder}}
WHITENOISE_USE_FINDERS = not STATIC_FILES_COLLECTED
WHITENOISE_AUTOREFRESH = DEBUG
MEDIA_URL = "/media/"
MEDIA_ROOT = _MEDIA / "media"
# The web process serves the pictures; no other user of the machine needs to read them.
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700

# Every transactional email becomes an outbox row in the caller's transaction.
EMAIL_BACKEND = "mailer.delivery.outbox.outbox.EmailBackend"
DEFAULT_FROM_EMAIL = formataddr((CONFIG.site.name, CONFIG.site.email or f"newsletter@{_HOST}"))

_secure = CONFIG.site.url.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
# Browsers take cookies of these names only over TLS, from this host and for all of it.
_PREFIX = "__Host-" if _secure else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{_PREFIX}sessionid", f"{_PREFIX}csrftoken"
SESSION_COOKIE_HTTPONLY = True
# The longest that a session can last; SessionLimits ends it earlier when it is idle.
SESSION_COOKIE_AGE = int(CONFIG.accounts.absolute_days * 86400)
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
# Only for this host: what else runs under the domain is not ours to decide.
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _secure else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _secure else None
X_FRAME_OPTIONS = "SAMEORIGIN"
SILENCED_SYSTEM_CHECKS = [
    # HSTS for all subdomains, and its preload list: see above.
    *("security.W005", "security.W021"),
    # The proxy with TLS redirects http; it alone knows how a request came in.
    "security.W008",
    # Wagtail's previews are frames of the same site.
    "security.W019",
]

WAGTAIL_SITE_NAME = CONFIG.site.name
WAGTAILADMIN_BASE_URL = CONFIG.site.url
WAGTAIL_I18N_ENABLED = False
# Looked up in files when a page offers them. Without a slash are obsolete ones, such as "localtime".
WAGTAIL_USER_TIME_ZONES = SimpleLazyObject(
    lambda: sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
)
WAGTAIL_ENABLE_UPDATE_CHECK = False
WAGTAIL_ENABLE_WHATS_NEW_BANNER = False
WAGTAIL_GRAVATAR_PROVIDER_URL = None
# Passwords are changed at /accounts/.
WAGTAIL_PASSWORD_MANAGEMENT_ENABLED = False
WAGTAIL_PASSWORD_RESET_ENABLED = False
WAGTAIL_EMAIL_MANAGEMENT_ENABLED = False
WAGTAIL_WORKFLOW_ENABLED = False
WAGTAIL_MODERATION_ENABLED = False
# Bytes and pixels of a picture; decoded, a pixel takes up to four bytes.
WAGTAILIMAGES_MAX_UPLOAD_SIZE = 10 * 1024 * 1024
WAGTAILIMAGES_MAX_IMAGE_PIXELS = 50_000_000
WAGTAILIMAGES_IMAGE_FORM_BASE = "mailer.desk.base.picture_form.PictureForm"
WAGTAILIMAGES_EXTENSIONS = ["gif", "jpg", "jpeg", "png", "webp"]
WAGTAILSEARCH_BACKENDS = {"default": {"BACKEND": "mailer.desk.base.search_backend", "AUTO_UPDATE": True}}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"masked": {"()": CONFIG.logging.formatter, "format": _config.LOG_FORMAT}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "masked"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        **{name: {"level": "WARNING"} for name in ("apscheduler", "django_tasks", "wagtail", "modelsearch")},
        # It logs the beginning and end of every job.
        "procrastinate": {"level": "WARNING"},
        # It warns when a job is still running at the time of its next run, which is normal.
        "apscheduler.scheduler": {"level": "ERROR"},
        # Without Django's own handlers, which mask nothing.
        "django": {"handlers": [], "level": "INFO"},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        "django.request": {"level": "ERROR"},
        # It logs every request that waits for a thread, which makes a busy process busier.
        "waitress.queue": {"level": "ERROR"},
    },
}
