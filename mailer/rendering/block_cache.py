"""Keeps what the shipped parts make: a block, masthead or footer stands in many variants of an edition.

A part reads the names of its kind and nothing else, and its key in the cache stands for them; the tests hold
the shipped parts to that. A newsletter's own parts may read everything, and nothing of theirs is kept.

- A block of the HTML: INPUTS.
- Masthead and footer: the fields FRAME of the digest, and the variant's own address, which is filled in.
- A block, head or foot of the text: the same. It numbers its links, so that the numbers belong to its key.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import replace
from operator import attrgetter
from types import CodeType
from typing import Any, TypeVar, cast, get_args

from jinja2 import Environment, Template
from jinja2.runtime import Context

from mailer.rendering.data_types import WRITTEN_KINDS, StoryBlockKind

# Of the context: what tells two places of one block apart.
_PLACE = ("block", "previous", "following", "previous_layout")
# The language and the theme's tokens. What templates/mail/digest.mjml defines follows from them.
DESIGN = "design"
# The links.NumberedLinks of a text.
LINKS = "links"
_OF_DESIGN = ("theme", "translate", "lang", "rtl", "side", "width", "on_page", "on_tint", "tag")
_OF_LINKS = ("link_number", "number_links")
INPUTS = frozenset((*_PLACE, *_OF_DESIGN))
TEXT_INPUTS = frozenset(("block", "previous", "translate", "tag", *_OF_LINKS))
# The parts of themes set `office_follows`, and these are not kept.
FRAME_INPUTS = frozenset(("digest", "office_follows", *_OF_DESIGN))
TEXT_FRAME_INPUTS = frozenset(("digest", "translate", "tag", *_OF_LINKS))
# Of the digest, besides `web_url`.
FRAME = (
    *("language", "direction", "newsletter", "office", "postal_address", "tagline", "period", "number"),
    *("languages_url", "ornament_url", "logo", "logo_dark", "logo_alt"),
)
_FRAME_OF = attrgetter(*FRAME)
_KINDS = (*get_args(StoryBlockKind), "heading", *WRITTEN_KINDS)
PARTS = frozenset(f"blocks/{kind}.mjml" for kind in _KINDS)
TEXT_PARTS = frozenset(f"blocks/{kind}.txt" for kind in _KINDS)
FRAME_PARTS = frozenset(("blocks/top.mjml", "blocks/foot.mjml"))
TEXT_FRAME_PARTS = frozenset(("blocks/top.txt", "blocks/foot.txt"))
# Parts that are kept, of about a kilobyte each; and characters of one that is too long to be kept.
_LIMIT = 8_192
_LONG = 16_000
_kept: dict[Hashable, str] = {}
# By the key of a text's block without numbers: the addresses that it numbers, in order.
_numbered: dict[Hashable, tuple[str, ...]] = {}
# Stands for a variant's own address. No text of a mail has this character.
_ADDRESS = "\x02"

T = TypeVar("T")


class _Inclusion:
    """The inclusion of a part, without the context that the part would have: making that takes time."""

    def __init__(self, template: Template, variables: Mapping[str, Any], local: Mapping[str, Any]) -> None:
        self._template = template
        self._variables = variables
        self._local = local

    def get(self, name: str) -> Any:
        """A value of the context; None: it has none."""
        return self._local[name] if name in self._local else self._variables.get(name)

    def context(self, **changes: Any) -> Context:
        return Template.new_context(
            self._template, dict(self._variables), shared=True, locals={**self._local, **changes}
        )


_Render = Callable[[Context], Iterator[str]]


class KeepingTemplate(Template):
    """A shipped part. It is executed once for the same inputs."""

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
        if make := _maker(template.name):
            template.root_render_func = _kept_or_made(make, template.name or "", template.root_render_func)
        return template

    def new_context(
        self,
        vars: Mapping[str, Any] | None = None,
        shared: bool = False,
        locals: Mapping[str, Any] | None = None,
    ) -> Context:
        if shared and vars and DESIGN in vars and _maker(self.name):
            return cast("Context", _Inclusion(self, vars, locals or {}))
        return super().new_context(dict(vars or {}), shared, locals)


def _maker(name: str | None) -> Callable[[str, _Render, _Inclusion], str] | None:
    if name in PARTS:
        return _block
    if name in TEXT_PARTS:
        return _block_of_text
    if name in FRAME_PARTS:
        return _frame
    return _frame_of_text if name in TEXT_FRAME_PARTS else None


def _kept_or_made(make: Callable[[str, _Render, _Inclusion], str], name: str, render: _Render) -> _Render:
    def rendered(included: Any) -> Iterator[str]:
        if isinstance(included, _Inclusion):
            yield make(name, render, included)
        else:
            yield from render(included)

    return rendered


def _block(name: str, render: _Render, included: _Inclusion) -> str:
    key = (name, included.get(DESIGN), *map(included.get, _PLACE))
    made = _kept.get(key)
    return _keep(key, "".join(render(included.context()))) if made is None else made


def _block_of_text(name: str, render: _Render, included: _Inclusion) -> str:
    key = (name, included.get(DESIGN), included.get("block"), included.get("previous"))
    return _with_numbers(key, "", render, included)


def _frame(name: str, render: _Render, included: _Inclusion) -> str:
    digest = included.get("digest")
    address: str = digest.web_url
    if not address.isascii() or set(address) & set("<>&\"'") or "%%" in address:
        return "".join(render(included.context()))
    key = (name, included.get(DESIGN), *_FRAME_OF(digest))
    made = _kept.get(key)
    if made is None:
        made = _keep(key, "".join(render(included.context(digest=replace(digest, web_url=_ADDRESS)))))
    return made.replace(_ADDRESS, address)


def _frame_of_text(name: str, render: _Render, included: _Inclusion) -> str:
    digest = included.get("digest")
    key = (name, included.get(DESIGN), *_FRAME_OF(digest))
    return _with_numbers(key, digest.web_url, render, included)


def _with_numbers(key: Hashable, own_address: str, render: _Render, included: _Inclusion) -> str:
    """A part that numbers its links; `own_address`: the one that differs from variant to variant, if any."""
    links = included.get(LINKS)

    def numbers(urls: Iterable[str]) -> tuple[str, ...]:
        return tuple(links.number(own_address if url == _ADDRESS else url) for url in urls)

    urls = _numbered.get(key)
    made = None if urls is None else _kept.get((key, numbers(urls)))
    if made is None:
        first = len(links.asked)
        made = "".join(render(included.context()))
        asked = links.asked[first:]
        urls = _put(_numbered, key, tuple(_ADDRESS if url == own_address else url for url in asked))
        if not own_address or own_address not in made:
            _keep((key, numbers(urls)), made)
    return made


def _keep(key: Hashable, made: str) -> str:
    return _put(_kept, key, made) if len(made) < _LONG else made


def _put(kept: dict[Hashable, T], key: Hashable, value: T) -> T:
    if len(kept) >= _LIMIT:
        kept.clear()
    kept[key] = value
    return value
