"""`mailer superuser`, `second-factor` and `password-link`: what only an operator does to an account.

No page makes an account a superuser, or removes the second factors of an account that lost them.
"""

from __future__ import annotations

from typing import Annotated

import typer
from django.contrib.auth.models import User
from wagtail.log_actions import log

from mailer.accounts.passwords import set_password_url
from mailer.cli.lookup import operator
from mailer.cli.output import command_group, console, fail, print_text

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


@app.command()
def second_factor(username: Annotated[str, typer.Argument(help="The account.")]) -> None:
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
    console.print(set_password_url(user), markup=False, soft_wrap=True)


def _active_account(username: str) -> User:
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        fail(f"there is no active account “{username}”.")
    return user
