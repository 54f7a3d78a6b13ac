"""`mailer superuser`: the only way to make an account a superuser, or to end that."""

from __future__ import annotations

from typing import Annotated

import typer
from django.contrib.auth.models import User
from wagtail.log_actions import log

from mailer.cli.lookup import operator
from mailer.cli.output import command_group, fail, print_text

app = command_group()


@app.command()
def superuser(
    username: Annotated[str, typer.Argument(help="The account.")],
    revoke: Annotated[bool, typer.Option("--revoke", help="End it instead.")] = False,
) -> None:
    """Let an account do everything; the change is reported to its owner and to all approvers."""
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        fail(f"there is no active account “{username}”.")
    user.is_superuser = not revoke
    user.save(update_fields=["is_superuser"])
    log(instance=user, action="desk.superuser", data={"by": operator()})
    print_text(f"{username} is {'no longer' if revoke else 'now'} a superuser.")
