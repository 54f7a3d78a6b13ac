"""Keeps what the shipped parts make of a block: the same block stands in many variants of an edition.

A part of a block reads INPUTS and nothing else, and its key in the cache stands for them; the tests hold the
shipped parts to that. Parts of the text number their links, so that they depend on what stands before them;
a newsletter's own parts may read everything. Nothing of these is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, MutableMapping
from types import CodeType
from typing import Any, get_args

from jinja2 import Environment, Template
from jinja2.runtime import Context

from mailer.rendering.data_types import WRITTEN_KINDS, StoryBlockKind

# Of the context: what tells two places of one block apart.
_PLACE = ("block", "previous", "following", "previous_layout")
# The language and the theme's tokens. What templates/mail/digest.mjml defines follows from them.
DESIGN = "design"
_OF_DESIGN = ("theme", "translate", "lang", "rtl", "side", "width", "on_page", "on_tint", "tag")
INPUTS = frozenset((*_PLACE, *_OF_DESIGN))
_KINDS = (*get_args(StoryBlockKind), "heading", *WRITTEN_KINDS)
PARTS = frozenset(f"blocks/{kind}.mjml" for kind in _KINDS)
# Blocks that are kept, of about two kilobytes each; and characters of a block that is too long to be kept.
_LIMIT = 4_096
_LONG = 16_000
_kept: dict[Hashable, str] = {}


class KeepingTemplate(Template):
    """A shipped part. That of a block is executed once for the same inputs."""

    @classmethod
    def from_code(
        cls,
        environment: Environment,
        code: CodeType,
        globals: MutableMapping[str, Any],
        uptodate: Callable[[], bool] | None = None,
    ) -> Template:
        # Jinja2 looks through all names for every part that is included: faster in one dictionary.
        template = super().from_code(environment, code, dict(globals), uptodate)
        if template.name in PARTS:
            template.root_render_func = _keeping(template.name, template.root_render_func)
        return template


def _keeping(name: str, render: Callable[[Context], Iterator[str]]) -> Callable[[Context], Iterator[str]]:
    def kept(context: Context) -> Iterator[str]:
        key = (name, context[DESIGN], *(context.get(one) for one in _PLACE))
        made = _kept.get(key)
        if made is None:
            made = "".join(render(context))
            if len(_kept) >= _LIMIT:
                _kept.clear()
            if len(made) < _LONG:
                _kept[key] = made
        yield made

    return kept
