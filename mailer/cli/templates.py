"""`mailer templates …`: a newsletter's own template parts in the folder of the installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from django.conf import settings

from mailer.cli.argument_lookup import NewsletterName, find
from mailer.cli.output import Json, command_group, fail, failing_on, print_json, print_text
from mailer.editions import newsletter_template_parts
from mailer.editions.design_preview_content import design_preview_content
from mailer.editions.models import Newsletter
from mailer.editions.rendering_input import masthead_of
from mailer.rendering import merge_tags, template_sandbox, variants

app = command_group("Show, check and preview template parts.")


@app.command()
def show(
    part: Annotated[
        str, typer.Argument(metavar="[PART]", help="Such as blocks/foot.mjml; default: the list of parts.")
    ] = "",
) -> None:
    """Print the default text of a part, to change a copy of it."""
    if not part:
        for name in template_sandbox.shipped_part_names():
            print_text(name)
        return
    if part not in template_sandbox.shipped_part_names():
        fail(f"there is no part “{part}”; `mailer templates show` lists them.")
    typer.echo(template_sandbox.default_source(part), nl=False)


@app.command()
def check(newsletter: NewsletterName, json: Json = False) -> None:
    """Check the newsletter's own parts with the sample edition; exit status 1 if one has a problem."""
    found = find(Newsletter, newsletter)
    masthead = masthead_of(found)
    problems = (
        newsletter_template_parts.check_parts(masthead, dict(masthead.templates))
        if masthead.templates
        else []
    )
    for one in problems:
        if json:
            print_json({"part": one.part, "line": one.line, "problem": one.text})
        else:
            where = f"{one.part}, line {one.line}" if one.line else one.part
            print_text(f"{where}: {one.text}")
    if problems:
        raise typer.Exit(1)
    if not json:
        print_text(f"{len(masthead.templates)} parts of {found.slug} are in order")


@app.command()
def preview(
    newsletter: NewsletterName,
    out: Annotated[Path, typer.Option(help="The file to write.")],
    language: Annotated[str, typer.Option(help="Language code.")] = "en",
) -> None:
    """Write the sample edition in the newsletter's design as an HTML file."""
    masthead = masthead_of(find(Newsletter, newsletter))
    rendered = variants.render(design_preview_content(masthead, settings.CONFIG.site.url), (), language)
    if rendered.errors:
        fail(" ".join(rendered.errors))
    values = {**merge_tags.web_values(settings.CONFIG.site.url, language), "subscriber_token": ""}
    with failing_on(OSError):
        out.write_text(merge_tags.fill_html(rendered.html, values), encoding="utf-8")
    print_text(f"wrote {out}")
