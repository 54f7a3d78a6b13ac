"""Who reaches which URL: every URL, method, role and state of the second factor, with real rows in the URLs.

ACCESS has a line for every URL. One without a line fails `test_every_url_has_a_line`, which says what to add.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

import pytest
from django.urls import get_resolver, resolve, reverse
from django.views.defaults import page_not_found

from mailer.desk.base.personal_data_access_log import LIST_PAGES, ROW_PAGES
from tests.project.access_world import (
    A_READER,
    ANOTHER,
    ROLES,
    SURNAME,
    Answer,
    Url,
    World,
    every_url,
    world,
)

__all__ = ["world"]

# Each test is in a transaction within that of `world`, whose many rows one process makes for all.
pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("access")]

# The accounts: V may open the desk and nothing else; R, C, W, A and D are in the groups Viewers (who read),
# Contributors, Writers, Approvers and Admins; M, in a group that an office made, manages lists and
# subscribers; S is a superuser. "desk" means all of these, "account" also one without the desk, "anyone"
# everybody; "nobody" is refused, "-" is not offered, "sign-in" leads there, and "unused" is answered with 404
# before anything else.
#
# Columns: the URL's name (or route, where it has none), who may GET it, who may POST to it, which of both
# need a recent sign-in, and why. The first line that fits counts.
ACCESS = """
accounts/                              sign-in  sign-in  -   short for the sign-in page
account_login                          anyone   anyone   -   the sign-in form; leads on who is signed in
account_logout                         account  sign-in  -   asks before it signs out
account_reset_password                 anyone   anyone   -   one answer for every name
account_*                              account  account  -   one's own password
mfa_authenticate                       pending  pending  -   between password and code
mfa_login_webauthn                     pending  pending  -   for the script of the sign-in page
mfa_remove_webauthn                    nobody   nobody   GP  the passkey of another account
mfa_edit_webauthn                      nobody   nobody   GP  the passkey of another account
mfa_index                              account  -        -   the list of one's own second factors
mfa_list_webauthn                      account  -        -   the list of one's own passkeys
mfa_reauthenticate                     account  account  -   the code that confirms who it is
mfa_view_recovery_codes                account  -        GP  one's own codes
mfa_download_recovery_codes            account  -        GP  one's own codes
mfa_*                                  account  account  GP  one's own second factors
usersessions_list                      account  account  -   one's own sessions
openid_connect_*                       nobody   nobody   -   not configured
accounts:set_password                  anyone   anyone   -   behind a mailed link
accounts:*                             account  account  -   one's own address
desk/login/                            sign-in  sign-in  -   Wagtail's old address
^desk/password_reset/*                 anyone   anyone   -   leads to ours
wagtailadmin_password_reset*           anyone   anyone   -   leads to ours
wagtailadmin_login                     sign-in  sign-in  -   leads to ours
wagtailadmin_logout                    -        sign-in  -   only by its button
wagtailadmin_sprite                    anyone   anyone   -   icons
wagtailadmin_javascript_catalog        desk     -        -   texts of Wagtail's scripts
^desk/(*                               unused   unused   -   Wagtail's pages, workflows and API
desk/test404/                          unused   unused   -   Wagtail's test of its error page
wagtailadmin_error_test                unused   unused   -   Wagtail's test of its error page
wagtailadmin_pages:*                   unused   unused   -   there is no page tree
wagtailadmin_explore*                  unused   unused   -   there is no page tree
wagtailadmin_workflows:*               unused   unused   -   approval is our own
wagtailadmin_api:*                     unused   unused   -   no API
wagtaildocs*                           unused   unused   -   no documents
wagtailsnippetchoosers_*:create        unused   unused   -   created on pages of their own
wagtailadmin_reports:site_history*     desk     -        -   entries about what the account may see
wagtailadmin_reports:*                 unused   unused   -   about pages and workflows
desk/^.*/$                             nobody   nobody   -   unknown addresses
wagtailadmin_home                      desk     -        -   what waits for whom
wagtailadmin_account                   desk     desk     -   one's own name and picture
wagtailadmin_dismissibles              desk     -        -   which hints one closed
wagtailadmin_block_preview             nobody   -        -   no block has one
wagtailadmin_editing_sessions:release  -        desk     -   one's own only
wagtailadmin_editing_sessions:ping     -        CWDS     -   who edits the same story
wagtailadmin_choose_page_*_link        desk     desk     -   links in texts
wagtailadmin_choose_page*              desk     -        -   links in texts
wagtailadmin_tag_autocomplete          desk     desk     -   words that pictures are tagged with
wagtailadmin_tag_model_autocomplete    nobody   nobody   -   stories are not tagged
wagtailadmin_collections:index         S        -        -   folders of pictures
wagtailadmin_collections:*             S        S        -   folders of pictures
wagtail_bulk_action                    nobody   nobody   -   of accounts: removed; others ask for each row
wagtailsnippets:index                  nobody   nobody   -   stories and editions have menus of their own
wagtailsnippetchoosers_*               desk     -        -   titles of stories and editions
wagtailimages:url_generator*           nobody   -        -   switched off
wagtailimages:*_uploaded_image         -        nobody   -   an upload of another account
wagtailimages:delete_upload_multiple   -        nobody   -   an upload of another account
wagtailimages:edit_multiple            -        WDS      -   pictures of stories
wagtailimages:delete_multiple          -        WDS      -   pictures of stories; writers delete their own
wagtailimages:index*                   CWDS     -        -   pictures of stories
wagtailimages:add*                     CWDS     CWDS     -   pictures of stories
wagtailimages:image_usage              WDS      -        -   pictures of stories
wagtailimages:*                        WDS      WDS      -   pictures of stories
wagtailimages_chooser:chosen           CWADS    -        -   a picture for a story or an account
wagtailimages_chooser:create           CWDS     CWDS     -   a picture for a story or an account
wagtailimages_chooser:select_format    CWADS    CWADS    -   a picture for a story or an account
wagtailimages_chooser:*                desk     -        -   only pictures that one may choose
desk_story_suggestions                 CWDS     CWDS     -   writers write
desk_stories:list*                     RCWADS   -        -   approvers read
desk_stories:usage                     CWDS     -        -   writers write
desk_stories:history*                  CWDS     -        -   writers write
desk_stories:revisions_compare         CWDS     -        -   writers write
desk_stories:delete                    WDS      WDS      -   writers decide what is ready
desk_stories:unpublish                 WDS      WDS      -   writers decide what is ready
desk_stories:revisions_unschedule      WDS      WDS      -   writers decide what is ready
desk_story_mail                        WDS      WDS      -   writers decide who sends stories
desk_story_mail_edit                   WDS      WDS      -   writers decide who sends stories
desk_story_mail_original               WDS      -        -   an email of a known sender, not all of it a draft
desk_word_upload                       CWDS     CWDS     -   writers write
desk_word_stories                      nobody   nobody   -   the document of another session
desk_stories:*                         CWDS     CWDS     -   writers write
desk_story:preview                     RCWADS   -        -   approvers read
desk_story:comment_done                -        CWDS     -   who may edit the story
desk_story:comment*                    -        RCWADS   -   approvers comment
desk_story:*                           -        CWDS     -   writers write
desk_editions:list*                    RCWADS   -        -   approvers read
desk_editions:delete                   DS       DS       -   of editions that nobody submitted
desk_editions:usage                    WDS      -        -   writers write
desk_editions:history*                 WDS      -        -   writers write
desk_editions:revisions_compare        WDS      -        -   writers write
desk_editions:*                        WDS      WDS      -   writers write
desk_edition:settings                  WDS      WDS      -   writers write
desk_edition:checks                    RCWADS   WDS      -   previews; writers have links checked again
desk_edition:translations              RCWADS   WDS      -   who may publish a story confirms its texts
desk_edition:translation_export        RCWADS   -        -   what one may read anyway
desk_edition:translation_import        -        WDS      -   writers write
desk_edition:block_*                   WDS      WDS      -   writers write
desk_edition:variants                  RCWADS   -        -   previews
desk_edition:as_reader                 -        ADS      -   who sees subscribers sees what they get
desk_edition:submit                    RCWADS   WDS      -   writers submit
desk_edition:review                    RCWADS   -        -   everybody sees what is approved
desk_edition:review_checks             RCWADS   -        -   what the checks say of it now
approval_by_link                       nobody   nobody   -   behind a mailed link that is not valid
approval_by_link_picture               nobody   -        -   behind a mailed link that is not valid
desk_edition:comment                   -        WADS     -   who reviews or writes it
desk_edition:check_variant             -        ADS      -   approvers look at variants
desk_edition:approval_link             -        WDS      -   who submits asks an external approver
desk_edition:approve                   -        ADS      P   approvers approve
desk_edition:reject                    -        ADS      P   approvers reject
desk_edition:request_changes           -        WADS     -   approvers and writers return it to the writers
desk_edition:test                      RCWADS   WADS     -   to staff only
desk_edition:dry_run                   RCWADS   WADS     -   to staff only
desk_edition:schedule                  RCWADS   ADS      -   approvers schedule
desk_edition:progress                  RCWADS   -        -   counts
desk_edition:report                    RCWADS   -        -   counts
desk_edition:report_download           -        RCWADS   -   counts
desk_edition:not_delivered             RCWADS   RCWADS   P   counts; addresses for those who may see them
desk_edition:find_delivered            ADS      ADS      -   one subscriber's email
desk_edition:delivered_email           ADS      ADS      -   one subscriber's email
desk_edition:control                   -        ADS      -   approvers pause, resume and cancel
desk_checks                            DS       DS       -   admins see to the installation
desk_dns_records                       DS       DS       -   admins see to the installation
desk_reply_answer                      ADS      ADS      -   approvers and admins answer subscribers
wagtailusers_users:invitations         DS       -        GP  admins invite
wagtailusers_users:revoke_invitation   -        nobody   GP  nobody invited these accounts
desk_notifications                     desk     desk     -   one's own
desk_notification_choice               desk     desk     -   one's own
desk_help                              desk     -        -   the guide
desk_help_page                         desk     -        -   the guide
desk_skip_step                         -        DS       -   admins see to the installation
desk_first_list                        -        MDS      -   list managers and admins
desk_sample                            -        DS       -   admins see to the installation
desk_resume_sending                    DS       DS       GP  admins confirm that an installation may send
desk_assemble                          WDS      WDS      -   writers make editions
desk_trend                             RCWADS   -        -   counts
desk_newsletters:index*                RCWADS   -        -   everybody who makes editions reads
desk_newsletters:history*              DS       -        -   admins change
desk_newsletters:usage                 DS       -        -   admins change
desk_newsletters:*                     DS       DS       -   admins change
desk_templates                         DS       -        -   admins change
desk_template_part                     DS       DS       -   admins change
desk_calendar                          RCWADS   RCWADS   -   all newsletters; one's own feed address
desk_schedule_dates                    -        DS       -   shows what the form of a newsletter would change
desk_glossary                          WDS      WDS      -   writers keep the names
desk_glossary_export                   WDS      -        -   writers keep the names
desk_glossary_add                      WDS      WDS      -   writers keep the names
desk_glossary_term                     WDS      WDS      -   writers keep the names
desk_theme_preview                     -        DS       -   shows what the form of a newsletter would change
desk_sample_picture                    desk     -        -   drawings of the sample edition
desk_lists:index*                      AMDS     -        -   approvers read
desk_list_change                       AMDS     AMDS     -   a second person approves, the proposer withdraws
desk_suppressions:index*               AMDS     -        -   approvers read
desk_subscribers:index*                AMDS     -        -   approvers read
desk_subscribers:delete                desk     desk     -   leads to the page that erases
desk_segments:index*                   AMDS     -        -   approvers read
desk_segments:*                        AMDS     MDS      -   approvers read
desk_list_health                       AMDS     -        -   approvers read
desk_lists:history*                    MDS      -        -   who changed what
desk_lists:usage                       MDS      -        -   who changed what
desk_subscribers:history*              MDS      -        -   who changed what
desk_subscribers:usage                 MDS      -        -   who changed what
desk_lists:*                           MDS      MDS      -   list managers and admins
desk_subscribers:*                     MDS      MDS      -   list managers and admins
desk_suppressions:*                    MDS      MDS      -   list managers and admins
desk_tags:index*                       MDS      -        -   list managers and admins
desk_tags:history*                     MDS      -        -   who changed what
desk_tags:usage                        MDS      -        -   who changed what
desk_tags:*                            MDS      MDS      -   list managers and admins
desk_fields:index*                     MDS      -        -   list managers and admins
desk_fields:history*                   MDS      -        -   who changed what
desk_fields:usage                      MDS      -        -   who changed what
desk_fields:*                          MDS      MDS      -   list managers and admins
desk_erase                             MDS      MDS      -   list managers and admins
desk_merge                             MDS      MDS      -   list managers and admins
desk_reconfirmations                   MDS      -        -   list managers and admins
desk_reconfirm*                        MDS      MDS      -   list managers and admins
desk_bulk_jobs                         MDS      -        -   list managers and admins
desk_bulk_*                            MDS      MDS      -   list managers and admins
desk_export                            MDS      MDS      GP  addresses leave the system
desk_imports:index*                    MDS      -        -   list managers and admins
desk_imports:example                   MDS      -        -   list managers and admins
desk_import_rejected                   -        MDS      GP  addresses leave the system
desk_import*                           MDS      MDS      -   list managers and admins
desk_replies:index*                    ADS      -        -   approvers read
desk_reply                             ADS      DS       -   approvers read
desk_reply_source                      DS       -        -   with tokens
desk_reply_reopen                      -        DS       -   admins decide
desk_suppression_decisions:*           ADS      -        -   approvers read
desk_suppression_decision              ADS      DS       -   admins decide
desk_bounce_wave                       ADS      DS       -   admins decide
desk_api_keys                          desk     desk     GP  one's own keys; all for who manages accounts
desk_sources                           WDS      -        -   editors and admins
desk_source                            WDS      WDS      -   editors and admins
desk_source_*                          WDS      WDS      -   editors and admins
desk_webhooks                          DS       -        -   other systems, which admins connect
desk_webhook                           DS       DS       -   other systems, which admins connect
desk_webhook_rotate                    -        DS       GP  a secret
desk_webhook_*                         DS       DS       GP  where events go
desk_api_key_revoke                    -        nobody   GP  the key of another account
api-openapi                            anyone   -        -   what the API can do
api:*                                  nobody   nobody   -   by key only, see tests/api/test_roles.py
wagtailusers_users:delete              desk     desk     GP  accounts are never deleted
wagtailusers_users:send_link           -        DS       GP  to the owner's address
wagtailusers_*:index*                  DS       -        GP  accounts and groups
wagtailusers_*:history*                DS       -        GP  accounts and groups
wagtailusers_*:usage                   DS       -        GP  accounts and groups
wagtailusers_*                         DS       DS       GP  accounts and groups
image                                  desk     -        -   of an edition that was not sent
sign-up                                anyone   anyone   -   for readers
sign-up-from-other-site                anyone   anyone   -   for readers
confirm                                anyone   anyone   -   the link in a mail is the reader's proof
preferences                            anyone   anyone   -   the link in a mail is the reader's proof
agree-address                          anyone   anyone   -   the link in a mail is the reader's proof
reject-address                         anyone   anyone   -   the link in a mail is the reader's proof
confirm-address                        anyone   anyone   -   the link in a mail is the reader's proof
reconfirm                              anyone   anyone   -   the link in a mail is the reader's proof
data-access                            anyone   anyone   -   the link in a mail is the reader's proof
unsubscribe-list                       anyone   anyone   -   the link in a mail is the reader's proof
unsubscribe                            anyone   anyone   -   the link in a mail is the reader's proof
staff-calendar                         anyone   -        -   behind a private address
archive*                               anyone   -        -   what was sent
ornament                               anyone   -        -   a drawing
health                                 anyone   -        -   one word
ready                                  anyone   -        -   a word for each check
metrics                                anyone   -        -   programs on this machine, or with the token
click                                  anyone   -        -   leads to the target
open                                   anyone   -        -   a pixel
webhook                                -        nobody   -   an ESP that is not configured
"""
# Tables that any page may write to: what the session remembers, and who looked at personal data.
NOTES = {"django_session", "mailer_auditrecord", "wagtailcore_modellogentry"}
# Others, by the URL's name.
WRITES_OF_READS = {
    # Who edits the same story or edition.
    # A picture in the size of the preview.
    "desk_stories:edit": {"wagtailimages_rendition"},
    "desk_story:preview": {"wagtailimages_rendition"},
    # Thumbnails, when they are shown first.
    "desk_editions:edit": {"wagtailimages_rendition"},
    "desk_editions:revisions_revert": {"wagtailimages_rendition"},
    "desk_edition:block_add": {"wagtailimages_rendition"},
    # What rendering all variants showed, until the draft changes.
    "desk_edition:variants": {"mailer_draftcheck"},
    "desk_edition:checks": {"mailer_draftcheck"},
    "desk_edition:submit": {"mailer_draftcheck"},
    "wagtailimages:index": {"wagtailimages_rendition"},
    "wagtailimages:index_results": {"wagtailimages_rendition"},
    "wagtailimages:edit": {"wagtailimages_rendition"},
    "wagtailimages_chooser:choose": {"wagtailimages_rendition"},
    "wagtailimages_chooser:choose_results": {"wagtailimages_rendition"},
    "wagtailimages_chooser:chosen": {"wagtailimages_rendition"},
    "wagtailimages_chooser:chosen_multiple": {"wagtailimages_rendition"},
    "wagtailimages_chooser:select_format": {"wagtailimages_rendition"},
    "wagtailimages:image_usage": {"wagtailimages_rendition"},
    "wagtailimages:delete": {"wagtailimages_rendition"},
    # An empty row, at the first visit.
    "wagtailadmin_account": {"wagtailusers_userprofile"},
    # That the codes were seen.
    "mfa_view_recovery_codes": {"mfa_authenticator"},
    "mfa_download_recovery_codes": {"mfa_authenticator"},
}
# URLs that other sites and servers post to: the proof is in the URL or the body.
POSTED_BY_OTHERS = {"unsubscribe", "unsubscribe-list", "sign-up-from-other-site", "webhook"}
# Roles that may see addresses; the same need a second factor.
SEE_ADDRESSES = NEED_FACTOR = set("AMDS")
# Of subscribers, in pages.
ADDRESSES = tuple(f"{name}@" for name in (A_READER, ANOTHER, "stopped"))
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
# Each role and state, and the methods with which it tries every URL. Those but GET and POST are tried by
# nobody's session, and by an account with most permissions or, for HEAD, which renders pages, with few.
SESSIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("anonymous", ""): METHODS,
    **{(role, "passed"): ("GET", "POST") for role in ROLES},
    ("viewer", "passed"): ("GET", "HEAD", "POST"),
    ("admin", "passed"): ("GET", "POST", "PUT", "DELETE", "OPTIONS"),
    **{(role, "none"): ("GET",) for role in ("approver", "list manager", "superuser")},
    ("admin", "none"): ("GET", "POST"),
    ("admin", "pending"): ("GET", "POST"),
    **{(role, "stale"): ("GET", "POST") for role, letter in ROLES.items() if letter not in ("", *"GVRC")},
}


class Line(NamedTuple):
    """A line of ACCESS."""

    names: str
    get: str
    post: str
    recent: str
    why: str


LINES = [Line(*line.split(None, 4)) for line in ACCESS.strip().splitlines()]


@cache
def urls() -> list[Url]:
    return list(every_url(get_resolver()))


def line_of(url: Url) -> Line | None:
    return next((one for one in LINES if url.key == one.names or fnmatchcase(url.key, one.names)), None)


def lines() -> list[tuple[Url, Line]]:
    """The URLs that are used, with their lines."""
    found = [(url, line_of(url)) for url in urls()]
    return [(url, line) for url, line in found if line and line.get != "unused"]


# Each role with the letter of one that has all its permissions, and more.
_LESS_THAN = {"guest": "V", "visitor": "R", "viewer": "C", "contributor": "W"}


def is_tried(line: Line, role: str, state: str) -> bool:
    """Whether the answer may differ from what another session of SESSIONS gets."""
    if state == "stale" and line.recent == "-":
        return False
    cells = {line.get, line.post}
    if state == "none" and role != "admin":
        # Which roles need a factor shows where every role is let in; an admin without one tries the rest.
        return not cells.isdisjoint({"desk", "account"})
    if "anyone" in cells:
        return role in ("anonymous", "guest", "admin")
    if role == "inactive":
        # It is nobody: the pages that every other account reaches show whether its session counts.
        return not cells.isdisjoint({"desk", "account"})
    if state == "passed" and role in _LESS_THAN and not any("desk" in cell for cell in cells):
        # Who has fewer permissions is refused where a role with more of them is.
        if role == "guest" and "account" in cells:
            return True
        return any(_LESS_THAN[role] in cell for cell in cells if cell.isupper())
    # A superuser has every permission that an admin has.
    admin = all(is_let_in(cell, "D", "passed") or cell == "-" for cell in (line.get, line.post))
    return not (role == "superuser" and state == "passed" and admin)


def is_let_in(cell: str, letter: str, state: str) -> bool:
    if cell in ("nobody", "-", "sign-in"):
        return False
    if cell in ("anyone", "pending"):
        return cell == "anyone" or state == "pending"
    return letter != "" and letter in {"desk": "VRCWAMDS", "account": "GVRCWAMDS"}.get(cell, cell)


def outcome(answer: Answer, state: str) -> str:
    """What the answer is: sign-in, set-up, confirm, home, refused, 405, or in."""
    if answer.status in (301, 302):
        leads = {
            **dict.fromkeys((reverse("account_login"), "/desk/login/"), "sign-in"),
            reverse("mfa_index"): "set-up" if state == "none" else "in",
            reverse("account_reauthenticate"): "confirm" if state == "stale" else "in",
            # Where Wagtail sends who lacks a permission, with a message.
            reverse("wagtailadmin_home"): "home",
        }
        return leads.get(answer.location.partition("?")[0], "in")
    return {401: "refused", 403: "refused", 404: "refused", 405: "405"}.get(answer.status, "in")


def expected(url: Url, line: Line, method: str, path: str, role: str, state: str) -> set[str]:
    """The outcomes that are right."""
    letter = "" if state == "pending" else ROLES.get(role, "")
    desk, own = path.startswith("/desk/"), path.startswith("/accounts/")
    if path.startswith("/api/") and line.get == "nobody":
        # Sessions count for nothing there.
        return {"refused"}
    if method in ("PUT", "DELETE"):
        return {"405"}
    if state == "none" and letter in NEED_FACTOR:
        if desk and not path.startswith(("/desk/logout/", "/desk/login/")):
            return {"set-up"}
        if own:
            # One's own pages, as far as they are about what the account has.
            return {"in", "set-up", "sign-in", "home", "refused", "405"}
        letter = letter if desk else ""
    if method == "OPTIONS":
        # Which methods there are, or a refusal like theirs.
        return {"in", "405", "home", "refused", "sign-in", *(["confirm"] if state == "stale" else [])}
    cell = line.post if method == "POST" else line.get
    if cell == "-":
        # A page may say so before it looks at the account, or after.
        return {"405", "home", "refused", "confirm", "sign-in"}
    if cell == "sign-in":
        return {"sign-in"}
    # Some pages of Wagtail have no HEAD.
    right = {"405"} if method == "HEAD" else set()
    if is_let_in(cell, letter, state):
        if state == "stale" and ("P" if method == "POST" else "G") in line.recent:
            return right | {"confirm"}
        if url.name == "account_login" and letter == "G":
            # Signed in, and the desk is closed to it: the page says so.
            return {"refused"}
        # The sign-in form leads on who is signed in.
        return right | ({"in", "home"} if cell == "anyone" else {"in"})
    if not letter or (letter == "G" and desk):
        return right | ({"sign-in"} if (desk or own) and cell != "nobody" else {"refused", "sign-in"})
    return right | {"refused", "home"} | ({"confirm"} if state == "stale" else set())


def test_every_url_has_a_line() -> None:
    lacking = [url.key for url in urls() if line_of(url) is None]
    assert lacking == [], f"Add to ACCESS in {__name__} who may GET these and who may POST to them, and why."
    used = {line_of(url) for url in urls()}
    assert [line.names for line in LINES if line not in used] == [], (
        "No URL is left for these lines of ACCESS."
    )


def test_unused_parts_are_not_there(world: World) -> None:
    for url in urls():
        if (line := line_of(url)) and line.get == "unused":
            assert resolve(world.path(url)).func is page_not_found, url.key
    assert world.ask("GET", "/desk/failwhale/", world.cookies["admin", "passed"]).status == 404


@pytest.mark.parametrize(
    ("role", "state"),
    [pytest.param(*one, id=" ".join(one).strip()) for one in SESSIONS],
)
def test_each_role_reaches_what_the_table_says(world: World, role: str, state: str) -> None:
    """Nothing fails; only a permitted POST changes rows; addresses are shown to permitted roles only."""
    wrong: list[str] = []
    with_addresses: set[str] = set()
    sees = state != "pending" and ROLES.get(role, "") in SEE_ADDRESSES
    hidden = () if sees else (A_READER, ANOTHER, SURNAME)
    for url, line in lines():
        path = world.path(url)
        for method in SESSIONS[role, state] if is_tried(line, role, state) else ():
            answer = world.ask(method, path, world.cookies[role, state])
            what = outcome(answer, state)
            right = expected(url, line, method, path, role, state)
            said = f"{method} {url.key} {path}: {what} ({answer.status} {answer.location})"
            if answer.status >= 500 or what not in right:
                wrong.append(f"{said}, expected {' or '.join(sorted(right))}")
            tables = answer.written - NOTES - WRITES_OF_READS.get(url.name, set())
            if tables and (method != "POST" or what not in ("in", "sign-in")):
                wrong.append(f"{said} wrote to {', '.join(sorted(tables))}")
            if method == "GET" and any(one in answer.body for one in ADDRESSES):
                with_addresses.add(url.name)
            if any(one in answer.body for one in hidden):
                wrong.append(f"{said} shows a reader's name or address")
    assert not wrong, "\n".join(wrong)
    # The audit log says who looked at them (tests/desk/base/test_log_personal_data_views.py).
    assert with_addresses - {*ROW_PAGES, *LIST_PAGES, "desk_edition:delivered_email"} == set()
    if (role, state) == ("admin", "passed"):
        assert {"desk_subscribers:index", "desk_segments:edit", "desk_suppressions:index"} <= with_addresses


def test_no_other_site_can_post(world: World) -> None:
    cookies, accepting = world.cookies["admin", "passed"], set()
    for url in urls():
        answer = world.ask("POST", world.path(url), cookies, csrf=True)
        assert not answer.written - NOTES, url.key
        # 405: it takes no POST at all.
        if answer.status not in (401, 403, 405):
            accepting.add(url.key)
    assert accepting == POSTED_BY_OTHERS
