"""An earlier version of a variant beside the present one, with what changed marked in both.

Removed words and pictures are marked with <del> in the earlier version, added ones with <ins> in the present
one, each with hidden words for screen readers. Paragraphs that only moved are not marked; a sentence names
every story that moved.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PreformattedString, Tag
from django.db.models import QuerySet
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext, ngettext

from mailer.approval.models import Snapshot
from mailer.approval.submit import rendered_variant
from mailer.editions.models import Edition
from mailer.rendering import localization, sanitize, story_selection, variants
from mailer.rendering.data_types import RenderedVariant, from_json

# The names of earlier versions in the URL.
APPROVED, SENT = "approved", "sent"
# Two paragraphs with this share of words in common, at least, are versions of one.
_ALIKE = 0.4
# Links that are listed.
_MAX_LINKS = 8
# Moved paragraphs that are named, by so many characters.
_MAX_MOVED = 3
_EXCERPT = 60
_TOKEN = re.compile(r"\w+|[^\w\s]")
_BLOCKS = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "td", "th", "div", "body"))
_HIDDEN = (
    "position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);"
    "white-space:nowrap"
)
_STYLES = {
    "ins": "background:#c9f0d3;color:#0b3317;text-decoration:underline",
    "del": "background:#fbd9d9;color:#5c0f0f;text-decoration:line-through",
}
_PICTURE_STYLES = {
    "ins": "display:block;padding:4px;background:#1b7f3b;color:#0b3317",
    "del": "display:block;padding:4px;background:#b3261e;color:#5c0f0f;opacity:0.75",
}


@dataclass(frozen=True)
class MarkedVersion:
    """A version with marks. `email` is plain, for titles and sizes; only its HTML is marked."""

    email: RenderedVariant
    subject: SafeString
    preheader: SafeString
    text: SafeString


@dataclass(frozen=True)
class Comparison:
    before: MarkedVersion
    after: MarkedVersion
    # What changed, as sentences; empty: nothing.
    changes: tuple[str, ...]


def approved_and_previous_edition_snapshots(
    edition: Edition, snapshot: Snapshot | None
) -> dict[str, Snapshot]:
    """What a snapshot, or the draft, can be compared with: {APPROVED or SENT: snapshot}.

    The edition's last approved version before it, and the newsletter's edition that was sent last.
    """
    sent = Snapshot.objects.filter(
        edition__newsletter=edition.newsletter_id,
        mailings__dry_run_to="",
        mailings__cancelled_unsent=False,
    ).exclude(edition=edition)
    listed = {APPROVED: _approved_before(edition, snapshot), SENT: sent}
    # Large, and needed only once staff chose a version.
    large = ("content", "manifest", "edition__body")
    found = {
        name: versions.select_related("edition__newsletter").defer(*large).first()
        for name, versions in listed.items()
    }
    return {name: one for name, one in found.items() if one is not None}


def _approved_before(edition: Edition, snapshot: Snapshot | None) -> QuerySet[Snapshot]:
    approved = Snapshot.objects.filter(edition=edition, approved_at__isnull=False)
    return approved.filter(pk__lt=snapshot.pk) if snapshot is not None else approved


def make_comparison_with_last_approved(
    edition: Edition, before: Snapshot | None, digests: Mapping[str, str]
) -> Callable[[str, Sequence[str], str], bool]:
    """A function that says whether a variant differs from the last version that was approved.

    `before`: of those before this one. The function is given the variant's key, countries and language;
    `digests` are the variants' SHA-256 by key. Without an approved version nothing differs.
    """
    earlier = _approved_before(edition, before).first()
    if earlier is None:
        return lambda key, countries, language: False
    content = from_json(earlier.content)
    head, approved = content.masthead, dict(earlier.variants.values_list("key", "sha256"))
    selector = story_selection.Selector(content)

    def changed(key: str, countries: Sequence[str], language: str) -> bool:
        offered = localization.resolve_language(language, head.languages, head.fallbacks)
        stories = selector.story_set(countries)
        return approved.get(story_selection.variant_key(stories, offered)) != digests.get(key)

    return changed


def stored_or_rendered_variant(
    snapshot: Snapshot, countries: Sequence[str], language: str
) -> RenderedVariant | None:
    """What subscribers of these countries and this language get of a snapshot; None: no email."""
    content = from_json(snapshot.content)
    head = content.masthead
    offered = localization.resolve_language(language, head.languages, head.fallbacks)
    key = story_selection.variant_key(story_selection.story_set(content, countries), offered)
    row = snapshot.variants.filter(key=key).first()
    if row is None:
        try:
            return variants.render(content, countries, language)
        except variants.NothingToShow:
            return None
    return rendered_variant(row)


def compare_versions(
    before: RenderedVariant, after: RenderedVariant, headlines: Mapping[str, str]
) -> Comparison:
    """Both versions with marks. `headlines` by the keys of stories, for the sentences."""
    old, new = _Document(before.html), _Document(after.html)
    added, removed = _mark_words(old, new)
    pictures = _mark_pictures(old, new)
    subjects, preheaders, texts = (
        _marked_lines(before.subject, after.subject),
        _marked_lines(before.preheader, after.preheader),
        _marked_lines(before.text, after.text),
    )
    stories = list(story_changes(before.stories, after.stories, headlines))
    changes = [
        *([gettext("The subject line changed.")] if before.subject != after.subject else []),
        *(stories or _moved_paragraphs(old.paragraphs, new.paragraphs)),
        *_word_changes(added, removed),
        *_picture_changes(*pictures),
        # The link to the web version names the variant.
        *_link_changes(
            [link for link in old.links if before.key not in link],
            [link for link in new.links if after.key not in link],
        ),
    ]
    if not changes and before.html.replace(before.key, "") != after.html.replace(after.key, ""):
        changes.append(gettext("Only the layout or the design of the email changed."))
    return Comparison(
        before=MarkedVersion(replace(before, html=old.html()), subjects[0], preheaders[0], texts[0]),
        after=MarkedVersion(replace(after, html=new.html()), subjects[1], preheaders[1], texts[1]),
        changes=tuple(changes),
    )


class _Document:
    """An email's HTML, and the pieces of visible text of each of its blocks."""

    def __init__(self, html: str) -> None:
        self._soup = BeautifulSoup(html, "html.parser")
        self.blocks: list[list[NavigableString]] = []
        last: object = None
        for text in self._soup.find_all(string=True):
            if not _is_visible(text):
                continue
            block = next((one for one in text.parents if one.name in _BLOCKS), None)
            if block is not last:
                self.blocks.append([])
            self.blocks[-1].append(text)
            last = block
        self.paragraphs = [" ".join("".join(block).split()) for block in self.blocks]
        self.words = [[word for text in block for word in _TOKEN.findall(text)] for block in self.blocks]

    @property
    def pictures(self) -> list[Tag]:
        return [one for one in self._soup.find_all("img") if one.get("src")]

    @property
    def links(self) -> list[str]:
        found = (str(one.get("href", "")) for one in self._soup.find_all("a"))
        return [link for link in found if link.startswith("http")]

    def html(self) -> str:
        return self._soup.decode(formatter="minimal")

    def mark(self, block: int, chosen: set[int], name: str) -> None:
        """Wrap the chosen words of a block, by their places, in elements with this name."""
        place = 0
        for text in self.blocks[block]:
            pieces, place = _pieces(str(text), place, chosen)
            if any(marked for _piece, marked in pieces):
                text.replace_with(*[self._element(name, one) if on else one for one, on in pieces])

    def mark_picture(self, picture: Tag, name: str) -> None:
        label = (
            gettext("Picture added to the email:")
            if name == "ins"
            else gettext("Picture removed from the email:")
        )
        around = self._soup.new_tag(name, attrs={"style": _PICTURE_STYLES[name]})
        picture.wrap(around)
        around.insert(0, self._hidden(label))

    def _element(self, name: str, text: str) -> Tag:
        found = self._soup.new_tag(name, attrs={"style": _STYLES[name]})
        found.append(self._hidden(_spoken(name)))
        found.append(text)
        return found

    def _hidden(self, words: str) -> Tag:
        found = self._soup.new_tag("span", attrs={"style": _HIDDEN, "lang": get_language() or "en"})
        found.string = f"{words} "
        return found


def _spoken(name: str) -> str:
    return gettext("Added:") if name == "ins" else gettext("Removed from the email:")


def _is_visible(text: NavigableString) -> bool:
    if isinstance(text, PreformattedString) or not text.strip():
        return False
    return not any(
        one.name in ("style", "script", "title")
        or "display:none" in str(one.get("style", "")).replace(" ", "")
        for one in text.parents
        if one.name != "[document]"
    )


def _pieces(text: str, place: int, chosen: set[int]) -> tuple[list[tuple[str, bool]], int]:
    """The text in pieces that are marked or not, and the place of the next word.

    Spaces between two marked words are marked with them.
    """
    pieces: list[tuple[str, bool]] = []
    end = 0

    def add(piece: str, marked: bool) -> None:
        if pieces and pieces[-1][1] == marked:
            pieces[-1] = (pieces[-1][0] + piece, marked)
        elif piece:
            pieces.append((piece, marked))

    for found in _TOKEN.finditer(text):
        marked = place in chosen
        between = text[end : found.start()]
        if between:
            add(between, marked and bool(pieces) and pieces[-1][1])
        add(found[0], marked)
        place, end = place + 1, found.end()
    add(text[end:], False)
    return pieces, place


def _mark_words(old: _Document, new: _Document) -> tuple[int, int]:
    """Mark the words that differ; how many were added and removed."""
    gone, came = _differences(old.words, new.words)
    for block, chosen in gone.items():
        old.mark(block, chosen, "del")
    for block, chosen in came.items():
        new.mark(block, chosen, "ins")
    return sum(map(len, came.values())), sum(map(len, gone.values()))


def _differences(
    old: Sequence[Sequence[str]], new: Sequence[Sequence[str]]
) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
    """The places of words without a counterpart, by block, in the old and in the new text.

    Equal blocks are counterparts wherever they stand; of the others, those that are most alike.
    """
    rest_old, rest_new = _without_equal(old, new), _without_equal(new, old)
    gone: dict[int, set[int]] = {}
    came: dict[int, set[int]] = {}
    for at in rest_new:
        likeness = {other: _likeness(old[other], new[at]) for other in rest_old}
        partner = max(likeness, key=lambda other: likeness[other], default=None)
        if partner is None or likeness[partner] < _ALIKE:
            came[at] = set(range(len(new[at])))
            continue
        rest_old.remove(partner)
        lost, won = _word_differences(old[partner], new[at])
        gone[partner], came[at] = lost, won
    for at in rest_old:
        gone[at] = set(range(len(old[at])))
    return gone, came


def _without_equal(blocks: Sequence[Sequence[str]], others: Sequence[Sequence[str]]) -> list[int]:
    """Places of the blocks that have no equal among the others."""
    left = Counter(map(tuple, others))
    found = []
    for at, block in enumerate(blocks):
        if left[tuple(block)]:
            left[tuple(block)] -= 1
        else:
            found.append(at)
    return found


def _likeness(one: Sequence[str], other: Sequence[str]) -> float:
    common = sum((Counter(one) & Counter(other)).values())
    return 2 * common / (len(one) + len(other)) if one or other else 1.0


def _word_differences(old: Sequence[str], new: Sequence[str]) -> tuple[set[int], set[int]]:
    gone: set[int] = set()
    came: set[int] = set()
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            gone |= set(range(a, b))
            came |= set(range(c, d))
    return gone, came


def _marked_lines(before: str, after: str) -> tuple[SafeString, SafeString]:
    """Two plain texts as HTML with marks."""
    old, new = before.split("\n"), after.split("\n")
    gone, came = _differences([_TOKEN.findall(line) for line in old], [_TOKEN.findall(line) for line in new])
    return _lines(old, gone, "del"), _lines(new, came, "ins")


def _lines(lines: Sequence[str], chosen: Mapping[int, set[int]], name: str) -> SafeString:
    opening = f'<{name} class="desk-change"><span class="w-sr-only">{escape(_spoken(name))} </span>'

    def shown(piece: str, marked: bool) -> str:
        return f"{opening}{escape(piece)}</{name}>" if marked else escape(piece)

    found = (
        "".join(shown(*piece) for piece in _pieces(line, 0, chosen.get(at, set()))[0])
        for at, line in enumerate(lines)
    )
    return mark_safe("\n".join(found))  # noqa: S308  (every piece is escaped)


def _mark_pictures(old: _Document, new: _Document) -> tuple[int, int]:
    """Mark the pictures that only one version has; how many were added and removed."""

    def source(picture: Tag) -> str:
        return str(picture["src"])

    before, after = old.pictures, new.pictures
    sources = list(map(source, before)), list(map(source, after))
    # A picture that stands twice is marked at its new place.
    for block in reversed(SequenceMatcher(None, *sources, autojunk=False).get_matching_blocks()):
        del before[block.a : block.a + block.size], after[block.b : block.b + block.size]
    came, gone = _only_in(after, before, source), _only_in(before, after, source)
    for picture in came:
        new.mark_picture(picture, "ins")
    for picture in gone:
        old.mark_picture(picture, "del")
    return len(came), len(gone)


def _only_in(found: Iterable[Any], others: Iterable[Any], key: Callable[[Any], str]) -> list[Any]:
    """Those without an equal among the others."""
    left = Counter(map(key, others))
    result = []
    for one in found:
        if left[key(one)]:
            left[key(one)] -= 1
        else:
            result.append(one)
    return result


def story_changes(before: Sequence[str], after: Sequence[str], headlines: Mapping[str, str]) -> Iterable[str]:
    """Sentences about stories, by their keys in order, that are new, gone or at another place."""
    old = [key for key in before if key in headlines]
    new = [key for key in after if key in headlines]
    for key in new:
        if key not in old:
            yield gettext("New story in the edition: “%(headline)s”") % {"headline": headlines[key]}
    for key in old:
        if key not in new:
            yield gettext("Story removed from the edition: “%(headline)s”") % {"headline": headlines[key]}
    places = old, new
    old, new = [key for key in old if key in new], [key for key in new if key in old]
    kept = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    still = {key for block in kept for key in old[block.a : block.a + block.size]}
    for key in new:
        if key not in still:
            yield gettext("Story moved: “%(headline)s”, from place %(before)s to place %(after)s") % {
                "headline": headlines[key],
                "before": places[0].index(key) + 1,
                "after": places[1].index(key) + 1,
            }


def _moved_paragraphs(old: Sequence[str], new: Sequence[str]) -> Iterable[str]:
    """Sentences about paragraphs that stand at another place. Where stories moved, theirs say enough."""
    before, after = [one for one in old if one in new], [one for one in new if one in old]
    kept = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    still = {place for match in kept for place in range(match.b, match.b + match.size)}
    moved = [text for place, text in enumerate(after) if place not in still]
    for text in moved[:_MAX_MOVED]:
        yield gettext("Moved in the email: “%(text)s”") % {"text": sanitize.shorten(text, _EXCERPT)}
    if len(moved) > _MAX_MOVED:
        yield gettext("Other paragraphs moved in the email, too.")


def _word_changes(added: int, removed: int) -> Iterable[str]:
    if added:
        yield ngettext("%(number)s word added", "%(number)s words added", added) % {"number": added}
    if removed:
        yield ngettext("%(number)s word removed", "%(number)s words removed", removed) % {"number": removed}


def _picture_changes(added: int, removed: int) -> Iterable[str]:
    if added:
        yield ngettext("%(number)s picture added", "%(number)s pictures added", added) % {"number": added}
    if removed:
        text = ngettext("%(number)s picture removed", "%(number)s pictures removed", removed)
        yield text % {"number": removed}


def _link_changes(before: Sequence[str], after: Sequence[str]) -> Iterable[str]:
    for link in dict.fromkeys(_only_in(after, before, str)[:_MAX_LINKS]):
        yield gettext("New link in the email: %(url)s") % {"url": link}
    for link in dict.fromkeys(_only_in(before, after, str)[:_MAX_LINKS]):
        yield gettext("Link removed from the email: %(url)s") % {"url": link}
