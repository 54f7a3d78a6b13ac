"""`mailer invite`, `superuser`, `second-factor` and `password-link`: what only an operator does to accounts.

No page makes an account a superuser, or removes the second factors of an account that lost them.
"""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.timezone import localtime
from wagtail.log_actions import log

from mailer.accounts.password_links import set_password_url
from mailer.approval.account_influence import DAYS, author_influence_ends_at, authors_behind
from mailer.approval.one_account_per_person import SamePerson, find_same_person
from mailer.cli.argument_lookup import operator
from mailer.cli.output import command_group, fail, print_text, print_whole

app = command_group()


@app.command()
def superuser(
    username: Annotated[str, typer.Argument(help="The account.")],
    revoke: Annotated[bool, typer.Option("--revoke", help="End it instead.")] = False,
) -> None:
    """Let an account do everything; the change is reported to its owner and to all approvers."""
    user = _active_account(username)
    user.is_superuser = not revoke
    user.save(update_fields=["is_superuser"])
    log(instance=user, action="desk.superuser", data={"by": operator()})
    print_text(f"{username} is {'no longer' if revoke else 'now'} a superuser.")


@app.command("second-factor")
def remove_second_factors(username: Annotated[str, typer.Argument(help="The account.")]) -> None:
    """Remove an account's passkeys, app and codes; its owner and all approvers get an email about it."""
    user = _active_account(username)
    # `mailer superuser` is called without allauth.
    from allauth.mfa.models import Authenticator

    removed, _ = Authenticator.objects.filter(user=user).delete()
    log(instance=user, action="accounts.factors_removed", data={"by": operator()})
    print_text(f"{removed} removed. {username} signs in with the password, and sets up new ones.")


@app.command()
def password_link(username: Annotated[str, typer.Argument(help="The account.")]) -> None:
    """Print a link with which the account sets a new password, once and within three days."""
    user = _active_account(username)
    log(instance=user, action="accounts.password_link_printed", data={"by": operator()})
    print_whole(set_password_url(user))


@app.command("invite")
def create_account_with_link(
    username: Annotated[str, typer.Argument(help="The new account.")],
    email: Annotated[str, typer.Option(help="Its address.")],
    first_name: Annotated[str, typer.Option(help="Its owner's first name.")],
    last_name: Annotated[str, typer.Option(help="Its owner's last name.")],
    role: Annotated[
        list[str] | None, typer.Option(help="A role, by default Approvers; may be repeated.")
    ] = None,
) -> None:
    """Create an account, and print the link with which its owner chooses the password within three days.

    Nothing is mailed: give the link to the owner of the account. No member of staff made the account, so it
    may approve the work of each of them from the start.
    """
    # Wagtail's tables, which the other commands of the module do not need.
    from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups

    if (known := User.objects.filter(username=username).first()) is not None:
        fail(f"there is an account “{username}” already. {_independence(known)}")
    groups, wanted = set_up_role_groups(), role or ["Approvers"]
    if unknown := [name for name in wanted if name not in groups]:
        fail(f"there is no role “{unknown[0]}”; known: {', '.join(groups)}.")
    names = {"first_name": first_name, "last_name": last_name}
    try:
        User(username=username, email=email, **names).clean_fields(exclude=["password"])
    except ValidationError as error:
        fail("\n".join(f"{field}: {' '.join(found)}" for field, found in error.message_dict.items()))
    try:
        with transaction.atomic():
            user = User.objects.create_user(username, email, None, **names)
            user.groups.add(*(groups[name] for name in wanted))
    except SamePerson as error:
        same = (other for _field, other in find_same_person(User(username=username, email=email, **names)))
        fail(" ".join([error.messages[0], *map(_independence, islice(same, 1))]))
    log(instance=user, action="accounts.password_link_printed", data={"by": operator()})
    print_whole(set_password_url(user))
    # Not on stdout, from which programs read the link.
    typer.echo(
        f"Send this link to {username}. It works once, within three days; nothing was mailed.", err=True
    )


def _independence(user: User) -> str:
    """Whether the account that exists already is independent, and from when on it is."""
    everyone = set(User.objects.exclude(pk=user.pk).values_list("pk", flat=True))
    behind = authors_behind(user, everyone)
    until = author_influence_ends_at(user, everyone)
    if not behind or until is None:
        return f"Nobody invited or changed “{user.username}” in the last {DAYS} days: it is independent."
    names = ", ".join(one.username for one in behind)
    return (
        f"“{user.username}” was invited or changed in the desk by {names}, and this command cannot make it "
        f"independent: it cannot approve what they wrote or set up before {localtime(until):%Y-%m-%d}. Wait "
        "until then, or invite another person under another username."
    )


def _active_account(username: str) -> User:
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        fail(f"there is no active account “{username}”.")
    return user
