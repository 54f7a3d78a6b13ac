"""The table of an edition's variants, countries by languages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailer import staff_localization
from mailer.editions.audience import Combination
from mailer.rendering import localization, story_selection
from mailer.rendering.data_types import Content, Story
from mailer.reports.reason_labels_and_mailing_summary import reason_label

# A variant that fewer than this share of the subscribers get is rare: few people ever look at it.
RARE_SHARE = 0.02
# Rows at most; further choices of countries have fewer subscribers each.
MAX_ROWS = 40


@dataclass(frozen=True)
class VariantChoice:
    """A variant, and the subscribers who get it."""

    key: str
    # The countries that lead to it; none means all of them.
    countries: tuple[str, ...]
    language: str
    subscribers: int

    @property
    def names(self) -> str:
        return _names(self.countries)

    @property
    def language_name(self) -> str:
        return staff_localization.language_name(self.language)

    @property
    def query(self) -> str:
        return urlencode([*(("country", code) for code in self.countries), ("language", self.language)])


@dataclass(frozen=True)
class Cell(VariantChoice):
    """What the subscribers of a row get in the language of a column."""

    # Kilobytes of HTML; None where the variant was not rendered.
    kilobytes: int | None
    # Stories that it shows in another language, because they have no text in this one.
    untranslated: int
    rare: bool
    # Whether it differs from what these subscribers got in the last approved version.
    changed: bool


@dataclass(frozen=True)
class Row:
    """Subscribers whose choices of countries show them the same stories."""

    names: str
    stories: int
    subscribers: int
    # One for each language of the matrix; None where nobody reads it.
    cells: tuple[Cell | None, ...]
    # Why they get no email; else empty.
    skipped: str = ""
    # The other choices of countries that show the same stories, by name.
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matrix:
    # Codes and names of the languages that at least one subscriber gets.
    languages: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    # Rows beyond MAX_ROWS.
    more: int
    # Variants that are rare, and those that differ from the last approved version.
    rare: int
    changed: int

    def cell(self, key: str) -> Cell | None:
        """The variant with this key, if a row shows it."""
        return next((one for row in self.rows for one in row.cells if one and one.key == key), None)

    @property
    def cells(self) -> list[Cell]:
        """All variants, by subscribers."""
        shown = [one for row in self.rows for one in row.cells if one]
        return sorted(shown, key=lambda one: -one.subscribers)

    @property
    def sized(self) -> list[Cell]:
        """The variants whose size is known, largest first."""
        known = [one for one in self.cells if one.kilobytes is not None]
        return sorted(known, key=lambda one: -(one.kilobytes or 0))


def variant_matrix(
    content: Content,
    combinations: Iterable[Combination],
    sizes: Mapping[str, int],
    changed: Callable[[str, Sequence[str], str], bool] = lambda key, countries, language: False,
) -> Matrix:
    """The variants in use; `sizes` are bytes of HTML by variant key. Rows and columns by subscribers.

    `changed`: by `variant_version_diff.make_comparison_with_last_approved`; without it, no variant counts as
    changed.
    """
    head = content.masthead
    selector = story_selection.Selector(content)
    # By story set, and for those without an email by the reason.
    selections: dict[tuple[str, ...], story_selection.Selection] = {}
    rows: dict[tuple[str, ...], dict[str, tuple[tuple[str, ...], int]]] = {}
    # The choices of countries that lead to each row.
    choices: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for one in combinations:
        selection = selector.select(one.countries)
        stories = selection.keys or (selection.skipped,)
        selections[stories] = selection
        choices.setdefault(stories, set()).add(one.countries)
        language = localization.resolve_language(one.language, head.languages, head.fallbacks)
        cells = rows.setdefault(stories, {})
        countries, subscribers = cells.get(language, (one.countries, 0))
        cells[language] = (countries, subscribers + one.readers)
    total = sum(count for cells in rows.values() for _countries, count in cells.values())
    languages = _languages(rows.values(), head.languages)
    by_key = content.stories_by_key

    def cell(stories: tuple[str, ...], language: str) -> Cell | None:
        found = rows[stories].get(language)
        if found is None or selections[stories].skipped:
            return None
        key = story_selection.variant_key(stories, language)
        size = sizes.get(key)
        return Cell(
            key=key,
            countries=found[0],
            language=language,
            subscribers=found[1],
            kilobytes=None if size is None else round(size / 1000),
            untranslated=sum(_lacks(by_key[name], language) for name in selections[stories].stories),
            rare=found[1] < RARE_SHARE * total,
            changed=changed(key, found[0], language),
        )

    def row(stories: tuple[str, ...], cells: Mapping[str, tuple[tuple[str, ...], int]]) -> Row:
        first = max(cells.values(), key=lambda pair: pair[1])[0]
        others = choices[stories] - {first}
        return Row(
            names=_row_names(first, len(others)),
            stories=len(selections[stories].stories),
            subscribers=sum(count for _countries, count in cells.values()),
            cells=tuple(cell(stories, code) for code in languages),
            skipped=reason_label(selections[stories].skipped),
            others=tuple(sorted(map(str, map(_names, others)))),
        )

    listed = [row(stories, cells) for stories, cells in rows.items()]
    listed.sort(key=lambda row: (not row.stories, -row.subscribers, row.names))
    return Matrix(
        languages=tuple((code, staff_localization.language_name(code)) for code in languages),
        rows=tuple(listed[:MAX_ROWS]),
        more=max(0, len(listed) - MAX_ROWS),
        rare=sum(one is not None and one.rare for row in listed for one in row.cells),
        changed=sum(one is not None and one.changed for row in listed for one in row.cells),
    )


def _languages(
    rows: Iterable[Mapping[str, tuple[tuple[str, ...], int]]], offered: Iterable[str]
) -> list[str]:
    used = {language for cells in rows for language in cells}
    return [code for code in offered if code in used]


def _lacks(story: Story, language: str) -> bool:
    return all(text.language != language for text in story.texts)


def _row_names(countries: tuple[str, ...], others: int) -> str:
    """The most frequent combination of countries, and how many others show the same stories."""
    names = _names(countries)
    if not others:
        return names
    text = ngettext(
        "%(names)s and %(number)s other combination of countries",
        "%(names)s and %(number)s other combinations of countries",
        others,
    )
    return text % {"names": names, "number": others}


def _names(countries: tuple[str, ...]) -> str:
    if countries == (story_selection.ELSEWHERE,):
        return _("Other countries")
    return staff_localization.country_names(countries) if countries else _("All countries")
