"""The workbench of an edition: its blocks in order, the stories that are not in yet, and what readers get.

Every control is a form that works without JavaScript. With it, workbench.js sends the forms, replaces the
parts of the page that changed, keeps the focus and announces the result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer import staff_localization
from mailer.approval import review_comments_and_checked_variants
from mailer.approval.models import ReviewComment
from mailer.approval.preflight import link_crawler
from mailer.approval.snapshot_state_changes import ApprovalError
from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.edit_conflicts import last_change
from mailer.desk.base.edition_workflow import (
    EDITABLE_STATES,
    OPEN_STATES,
    EditionLocked,
    change_draft,
    edit_tab_label,
)
from mailer.desk.base.form_widgets import parse_non_negative_int
from mailer.desk.base.page_base_classes import EditionPage, current_user
from mailer.desk.editions.finding_lines import finding_lines, findings_summary
from mailer.desk.editions.load_draft_and_run_preflight import current_content, run_preflight
from mailer.desk.stories.story_rows import StoryRow, edition_periods_by_story, story_rows
from mailer.editions import draft_blocks
from mailer.editions.assemble import LOOK_BACK, now_or_demo_time
from mailer.editions.audience import Combination, languages_without_readers
from mailer.editions.cached_audience_counts import cached_or_live_count
from mailer.editions.draft_blocks import BlockNotFound, RawBlock, raw_blocks
from mailer.editions.models import STORY_BLOCKS, Edition, EditionText, Newsletter, story_ids_in
from mailer.editions.rendering_input import content_of
from mailer.instance import no_send_status
from mailer.rendering import localization, sanitize, story_selection, view_model
from mailer.rendering.data_types import WRITTEN_KINDS, Content
from mailer.rendering.edition_period import Period
from mailer.reports.edition_state import WITH_WRITERS
from mailer.reports.reason_labels_and_mailing_summary import reason_label
from mailer.stories.models import Story, StoryText

# Stories that a search shows.
_FOUND = 20
# Stories of a group that are shown before staff ask for all.
_POOL_SHOWN = 20
# The same beside what a search found.
_POOL_SHOWN_BESIDE = 5
_ICONS = {
    "lead": "pick",
    "story": "doc-full-inverse",
    "date": "date",
    "titles": "list-ul",
    "social": "group",
    "heading": "title",
    "text": "pilcrow",
    "quote": "openquote",
    "figures": "list-ol",
    "video": "media",
    "button": "link",
    "picture": "image",
    "divider": "dots-horizontal",
    "note": "comment",
}
# Kinds that staff add here besides texts and headings.
ADDED_KINDS = ("quote", "figures", "picture", "video", "button", "note", "divider")
BLOCK_LABELS = {
    "lead": gettext_lazy("Lead story"),
    "story": gettext_lazy("Story"),
    "date": gettext_lazy("Save the date"),
    "titles": gettext_lazy("Publications"),
    "social": gettext_lazy("Notice with a link"),
    "heading": gettext_lazy("Heading"),
    "text": gettext_lazy("Text"),
    "quote": gettext_lazy("Quote"),
    "figures": gettext_lazy("Figures"),
    "video": gettext_lazy("Video"),
    "button": gettext_lazy("Button"),
    "picture": gettext_lazy("Picture"),
    "divider": gettext_lazy("Divider"),
    "note": gettext_lazy("Note from the team"),
}


@dataclass(frozen=True)
class Row:
    """A block of the edition as the workbench shows it."""

    id: str
    kind: str
    label: str
    # What announcements and controls call it.
    title: str
    # The story; several for publications, none for headings and texts.
    stories: tuple[StoryRow, ...]
    # For a heading or a text: whose readers see it, and the languages that it has.
    countries: str
    languages: str
    # What this edition shows differently.
    changed_here: bool
    # A block whose story was deleted.
    broken: bool
    # What reviewers said about its stories and no writer has marked as done.
    comments: tuple[ReviewComment, ...] = ()

    @property
    def icon(self) -> str:
        """What stands in the place of the picture of a block without one."""
        return _ICONS.get(self.kind, "doc-full-inverse")

    @property
    def story(self) -> StoryRow | None:
        return self.stories[0] if self.kind in STORY_BLOCKS and self.stories else None


@dataclass(frozen=True)
class Outcome:
    """What an action did: a sentence, and the element that gets the focus."""

    text: str
    focus: str
    # Whether another person changed the same meanwhile, and theirs is kept.
    conflict: bool = False


@dataclass(frozen=True)
class Cell:
    """What readers of one country get in one language."""

    country: str
    language: str
    stories: int
    missing: int
    chosen: bool
    # Why they get no email; else empty.
    skipped: str = ""

    @property
    def query(self) -> str:
        return f"{self.country}.{self.language}"

    @property
    def name(self) -> str:
        """The language's name."""
        return staff_localization.language_name(self.language)


@dataclass(frozen=True)
class _Pool:
    """The stories beside the edition, by their primary keys; of long groups the first ones."""

    newly_ready: Sequence[int]
    newly_ready_count: int
    # Taken out by a writer.
    left_out: Sequence[int]
    left_out_count: int
    unfinished: Sequence[int]
    # What staff searched for, and found.
    search: str
    found: Sequence[int]
    # The stories of the edition.
    inside: Collection[int]
    # The periods that had the found stories.
    used: Mapping[int, Sequence[str]]

    @property
    def shown(self) -> list[int]:
        return [*self.newly_ready, *self.left_out, *self.unfinished, *self.found]

    def context(self, rows: Mapping[int, StoryRow]) -> dict[str, Any]:
        """What the template shows."""

        def of(stories: Sequence[int]) -> list[StoryRow]:
            return [rows[pk] for pk in stories if pk in rows]

        return {
            "newly_ready": of(self.newly_ready),
            "newly_ready_count": self.newly_ready_count,
            "left_out": of(self.left_out),
            "left_out_count": self.left_out_count,
            "unfinished": of(self.unfinished),
            "search": self.search,
            "found": [(story, story.pk in self.inside) for story in of(self.found)],
        }


class WorkbenchPage(EditionPage):
    """Shows the draft (GET); changes a block, adds a story, or saves subjects (POST)."""

    template_name = "desk/editions/workbench.html"
    permission_required = "mailer.change_edition"
    post_permission = "mailer.change_edition"

    def has_permission(self) -> bool:
        return bool(self.request.user.has_perm("mailer.change_edition"))

    @property
    def page_title(self) -> str:
        """As its tab: what was sent can no longer be edited."""
        return edit_tab_label(self.overview.state)

    def load(self, **kwargs: Any) -> None:
        pk = parse_non_negative_int(str(kwargs["pk"]))
        super().load(pk=0 if pk is None else pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        state = context["overview"].state
        return {
            **context,
            **self.board(state),
            "state": state,
            "checks_link": "#workbench-checks",
        }

    def board(self, state: str) -> dict[str, Any]:
        """The parts of the page that a change replaces."""
        draft = draft_blocks.latest_draft(self.edition)
        content = content_of(draft, store_pictures=False)
        comments = list(
            ReviewComment.objects.filter(snapshot__edition=self.edition, done_at=None).select_related("user")
        )
        pool = self._pool(draft)
        stories = _story_rows(draft, pool.shown, pool.used)
        rows = rows_of(draft, comments, stories)
        return {
            "rows": rows,
            "rows_counted": contents_summary(rows),
            "comments": [comment for comment in comments if not comment.story_key],
            "editable": state in WITH_WRITERS or (state in OPEN_STATES and self._unlocked()),
            "locked": state in OPEN_STATES and not self._unlocked(),
            "unlocked": self._unlocked(),
            "sent": state not in EDITABLE_STATES,
            **pool.context(stories),
            **story_reach_context(content, self.request.GET.get("reach", "")),
            "subjects": subject_rows(draft, content),
            "assembly": assembled_on_note(draft),
            "added_kinds": [(kind, BLOCK_LABELS[kind]) for kind in ADDED_KINDS],
            "insertion_points": [(row.id, row.title) for row in rows],
        }

    def _unlocked(self) -> bool:
        """Whether the user asked to change an edition that is submitted, which withdraws it."""
        return "change" in self.request.GET or "unlocked" in self.request.POST

    def _pool(self, draft: Edition) -> _Pool:
        now = now_or_demo_time(timezone.now())
        left_out = set(draft.left_out)
        stories = draft_blocks.available_stories(draft, now)
        newly_ready = [story.pk for story in stories if story.pk not in left_out]
        taken_out = [story.pk for story in stories if story.pk in left_out]
        search = self.request.GET.get("q", "").strip()[:100]
        shown = _POOL_SHOWN_BESIDE if search else _POOL_SHOWN
        most = None if self.request.GET.get("stories") == "all" else shown
        found = _search(search) if search else []
        inside = set(story_ids_in(draft.body.raw_data))
        return _Pool(
            newly_ready=newly_ready[:most],
            newly_ready_count=len(newly_ready),
            left_out=taken_out[:most],
            left_out_count=len(taken_out),
            unfinished=_period_drafts(draft, inside),
            search=search,
            found=found,
            inside=inside,
            used=edition_periods_by_story(found) if found else {},
        )

    def _comment_done(self, request: HttpRequest) -> HttpResponse:
        comment = get_object_or_404(
            ReviewComment,
            pk=parse_non_negative_int(request.POST.get("comment", "")) or 0,
            snapshot__edition=self.edition,
        )
        try:
            review_comments_and_checked_variants.mark_done(comment, current_user(request), timezone.now())
        except ApprovalError as error:
            return self._refuse(str(error))
        log(instance=self.edition, action="desk.comment_done", user=request.user)
        return self._answer(_("The comment is marked as done."), "workbench-rows", good=True)

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        if request.POST.get("action") == "comment_done":
            return self._comment_done(request)
        action = _ACTIONS.get(request.POST.get("action", ""))
        if action is None:
            return self._refuse(_("Nothing was changed: this page does not know the requested action."))
        user, now = current_user(request), timezone.now()
        try:
            outcome = change_draft(
                self.edition,
                user,
                now,
                lambda draft: action(draft, request.POST, now),
                withdrawal_acknowledged=self._unlocked(),
            )
        except EditionLocked as error:
            return self._refuse(str(error))
        except BlockNotFound:
            text = _("Your change was not saved: another person has removed this part of the edition.")
            return self._refuse(f"{text} {last_change(self.edition)}".strip())
        return self._answer(outcome.text, outcome.focus, good=not outcome.conflict, conflict=outcome.conflict)

    def _refuse(self, text: str) -> HttpResponse:
        return self._answer(text, "workbench-rows", good=False)

    def _answer(self, text: str, focus: str, *, good: bool, conflict: bool = False) -> HttpResponse:
        """A part of the page for workbench.js; otherwise a redirect to the page, with a message."""
        if self.request.headers.get("X-Requested-With") == "fetch":
            self.edition.refresh_from_db()
            context = self.get_context_data(
                announcement=text, focus=focus, refused=not good, conflict=conflict
            )
            return render(self.request, "desk/editions/workbench_answer.html", context)
        (messages.success if good else messages.error)(self.request, text)
        query = "?change=1" if self._unlocked() else ""
        return redirect(f"{reverse('desk_editions:edit', args=[self.edition.pk])}{query}#{focus}")


Action = Callable[[Edition, Mapping[str, str], datetime], Outcome]


def _title(draft: Edition, block_id: str) -> str:
    return next((row.title for row in rows_of(draft) if row.id == block_id), "")


def _placed(draft: Edition, block_id: str, place: int) -> str:
    values = {
        "title": _title(draft, block_id),
        "place": place + 1,
        "count": len(draft.body.raw_data),
    }
    return _("“%(title)s” is now number %(place)s of %(count)s in the edition.") % values


def _move(draft: Edition, data: Mapping[str, str], now: datetime) -> Outcome:
    block = data.get("block", "")
    place = draft_blocks.move_block(draft, block, data.get("before") or None)
    return Outcome(_placed(draft, block, place), f"handle-{block}")


def _shift(steps: int) -> Action:
    def act(draft: Edition, data: Mapping[str, str], now: datetime) -> Outcome:
        block = data.get("block", "")
        place = draft_blocks.shift_block(draft, block, steps)
        return Outcome(_placed(draft, block, place), f"{'up' if steps < 0 else 'down'}-{block}")

    return act


def _remove(draft: Edition, data: Mapping[str, str], now: datetime) -> Outcome:
    block = data.get("block", "")
    rows = rows_of(draft)
    at = draft_blocks.find_block(raw_blocks(draft), block)
    rest = [row.id for row in rows if row.id != block]
    draft_blocks.remove_block_and_leave_out_stories(draft, block)
    text = _("“%(title)s” is removed from this edition.") % {"title": rows[at].title}
    return Outcome(text, f"handle-{rest[min(at, len(rest) - 1)]}" if rest else "workbench-pool")


def _remove_title(draft: Edition, data: Mapping[str, str], now: datetime) -> Outcome:
    block = data.get("block", "")
    draft_blocks.remove_story_from_title_list(
        draft, block, parse_non_negative_int(data.get("story", "")) or 0
    )
    return Outcome(_("The publication is removed from this edition."), f"handle-{block}")


def _lead(draft: Edition, data: Mapping[str, str], now: datetime) -> Outcome:
    block = data.get("block", "")
    draft_blocks.make_lead(draft, block)
    return Outcome(
        _("“%(title)s” is now the lead story of this edition.") % {"title": _title(draft, block)},
        f"handle-{block}",
    )


def _add(draft: Edition, data: Mapping[str, str], now: datetime) -> Outcome:
    story = Story.objects.filter(pk=parse_non_negative_int(data.get("story", "")) or 0).first()
    ids = draft_blocks.add_stories(draft, [story] if story else [], data.get("before") or None)
    if not ids or story is None:
        return Outcome(_("Nothing was added: the story is already in this edition."), "workbench-pool")
    headline = story.headline(staff_localization.active_language())
    place = draft_blocks.find_block(raw_blocks(draft), ids[0])
    values = {"title": headline, "place": place + 1, "count": len(draft.body.raw_data)}
    text = _("“%(title)s” is added to the edition as number %(place)s of %(count)s.") % values
    return Outcome(text, f"handle-{ids[0]}")


def _take_in(draft: Edition, data: Mapping[str, str], now: datetime) -> Outcome:
    new = draft_blocks.available_stories_not_left_out(draft, now_or_demo_time(now))
    ids = draft_blocks.add_stories(draft, new)
    text = ngettext(
        "%(count)s story is added to the edition.", "%(count)s stories are added to the edition.", len(ids)
    )
    return Outcome(text % {"count": len(ids)}, f"handle-{ids[0]}" if ids else "workbench-rows")


def _subjects(draft: Edition, data: Mapping[str, str], now: datetime) -> Outcome:
    kept = {text.language: text for text in draft.texts.all()}
    conflicts = []
    for language in draft.newsletter.languages:
        for name, longest in (("subject", 150), ("preheader", 200)):
            field = f"{name}-{language}"
            # What this person left as it was may have been changed by another one meanwhile.
            if field not in data or data[field] == data.get(f"was-{field}"):
                continue
            # A header is one line, without control characters.
            line = " ".join(data[field].split())[:longest]
            theirs = getattr(kept.get(language), name, "")
            if theirs not in (data.get(f"was-{field}", theirs), line):
                conflicts.append({"theirs": theirs, "mine": line})
                continue
            setattr(kept.setdefault(language, EditionText(language=language)), name, line)
    draft.texts = [text for text in kept.values() if text.subject or text.preheader]
    if not conflicts:
        return Outcome(_("The subject lines of the edition are saved."), "workbench-subjects")
    text = _(
        "Another person changed the same subject line before you: “%(theirs)s” is kept. Your "
        "text was: “%(mine)s”. To use yours instead, save it again."
    )
    said = [*(text % one for one in conflicts), last_change(draft)]
    return Outcome(" ".join(said).strip(), "workbench-subjects", conflict=True)


_ACTIONS: dict[str, Action] = {
    "move": _move,
    "up": _shift(-1),
    "down": _shift(1),
    "remove": _remove,
    "remove_title": _remove_title,
    "lead": _lead,
    "add": _add,
    "take_in": _take_in,
    "subjects": _subjects,
}


def rows_of(
    draft: Edition,
    comments: Sequence[ReviewComment] = (),
    stories: Mapping[int, StoryRow] | None = None,
) -> list[Row]:
    """The draft's blocks, in order, with the comments on them. `stories`: rows of its stories, if known."""
    stories = _story_rows(draft) if stories is None else stories
    overrides = {override.story_id: override for override in draft.overrides.all()}
    rows = [_row(block, stories, overrides) for block in raw_blocks(draft)]
    return [_with_comments(row, comments) for row in rows]


def contents_summary(rows: Iterable[Row]) -> str:
    """What an edition is made of: "2 stories, 1 text"."""
    rows = list(rows)
    stories = sum(len(row.stories) for row in rows if row.kind in STORY_BLOCKS or row.kind == "titles")
    texts = sum(row.kind == "text" for row in rows)
    others = sum(row.kind not in (*STORY_BLOCKS, "titles", "text") for row in rows)
    parts = (
        ngettext("%(count)s story", "%(count)s stories", stories) % {"count": stories},
        ngettext("%(count)s text", "%(count)s texts", texts) % {"count": texts} if texts else "",
        ngettext("%(count)s other part", "%(count)s other parts", others) % {"count": others}
        if others
        else "",
    )
    return ", ".join(filter(None, parts))


def _story_rows(
    draft: Edition, others: Sequence[int] = (), used: Mapping[int, Sequence[str]] | None = None
) -> dict[int, StoryRow]:
    """The rows of the draft's stories, with thumbnails, and those of `others`."""
    inside = story_ids_in(draft.body.raw_data)
    shown = {override.story_id: override.picture_id for override in draft.overrides.all()}
    pictures = {pk: shown.get(pk) for pk in inside}
    return story_rows([*inside, *others], draft.newsletter.languages, used, pictures)


def _with_comments(row: Row, comments: Sequence[ReviewComment]) -> Row:
    keys = {story.key for story in row.stories}
    return replace(row, comments=tuple(one for one in comments if one.story_key in keys))


def _row(block: RawBlock, stories: Mapping[int, StoryRow], overrides: Mapping[int, Any]) -> Row:
    kind, value = block["type"], block["value"]
    label = str(BLOCK_LABELS.get(kind, kind))
    named = story_ids_in([block])
    held = tuple(stories[pk] for pk in named if pk in stories)
    title, countries, languages = label, "", ""
    if kind in STORY_BLOCKS and held:
        override = overrides.get(held[0].pk)
        own = override.headlines.get(staff_localization.active_language()) if override else ""
        title = own or held[0].headline
    elif kind == "heading":
        country = value.get("country") or ""
        texts = draft_blocks.texts_by_language(value)
        title = staff_localization.country_name(country) if country else _first_text(texts) or label
        countries = "" if country else localized_names_and_dates.country_names_or_all(())
        languages = "" if country else localized_names_and_dates.language_names(list(texts))
    elif kind in WRITTEN_KINDS:
        written = draft_blocks.block_texts_by_language(block)
        texts = {code: next(iter(parts.values())) for code, parts in written.items()}
        title = _excerpt(_first_text(texts)) or label
        countries = localized_names_and_dates.country_names_or_all(value.get("countries") or ())
        languages = localized_names_and_dates.language_names(list(texts))
    return Row(
        id=str(block.get("id", "")),
        kind=kind,
        label=label,
        title=title,
        stories=held,
        countries=countries,
        languages=languages,
        changed_here=any(pk in overrides for pk in named),
        broken=kind in STORY_BLOCKS and not held,
    )


def _first_text(texts: Mapping[str, str]) -> str:
    return texts.get(staff_localization.active_language()) or next(iter(texts.values()), "")


def _excerpt(html: str) -> str:
    text = " ".join(sanitize.to_plain_text(html).split())
    return text if len(text) <= 80 else f"{text[:79].rstrip()}…"


# Stories that are searched before all the others.
_NEWEST = 400


def _search(text: str) -> list[int]:
    """The primary keys of the newest stories whose headline or summary contains the text, in any language."""
    texts = StoryText.objects.filter(story=OuterRef("pk"))
    wanted = Exists(texts.filter(Q(headline__icontains=text) | Q(summary__icontains=text)))
    stories = Story.objects.order_by("-date", "-pk").values_list("pk", flat=True)
    # Most searches end here, and no database needs to read every text for them.
    newest = Story.objects.order_by("-date", "-pk").values("pk")[:_NEWEST]
    found = list(stories.filter(wanted, pk__in=newest)[:_FOUND])
    return found if len(found) == _FOUND else list(stories.filter(wanted)[:_FOUND])


def _period_drafts(draft: Edition, inside: set[int]) -> list[int]:
    """Primary keys of stories of the edition's month that are not ready yet."""
    span = Period.parse(draft.period)
    near = Story.objects.filter(
        live=False, date__gte=span.first_day - LOOK_BACK, date__lt=span.end, from_period__lte=draft.period
    )
    wanted = set(draft.newsletter.countries)
    found = near.exclude(pk__in=inside).values_list("pk", "countries")[:_FOUND]
    return [pk for pk, countries in found if not countries or not wanted.isdisjoint(countries)]


def story_reach_context(content: Content, chosen_cell: str) -> dict[str, Any]:
    """How many stories readers of each country get in each language, and a list for the chosen cell.

    `chosen_cell` is "KZ.ru"; the country ZZ stands for readers of other countries, none for those who chose
    no country. Countries whose readers get no email for the same reason share a row at the end.
    """
    head = content.masthead
    stories = content.stories_by_key
    selector = story_selection.Selector(content)
    table: list[tuple[str, list[Cell]]] = []
    without: dict[str, tuple[list[str], list[Cell]]] = {}
    listed: list[tuple[str, str]] = []
    named = ""
    country_chosen, _dot, language_chosen = chosen_cell.partition(".")
    for country in ("", *head.countries, story_selection.ELSEWHERE):
        selection = selector.select({country} if country else None)
        keys, skipped = selection.stories, reason_label(selection.skipped)
        label = _reader_group(country)
        cells = []
        for language in head.languages:
            own = [key for key in keys if any(text.language == language for text in stories[key].texts)]
            here = f"{country}.{language}" == chosen_cell
            cell = Cell(country, language, len(keys), len(keys) - len(own), here, skipped)
            cells.append(cell)
            if cell.chosen:
                named = _("%(readers)s, in %(language)s") % {
                    "readers": _("Readers who chose %(country)s") % {"country": label}
                    if country in head.countries
                    else label,
                    "language": staff_localization.language_name(language),
                }
                listed = [_shown(stories[key], language, head.fallbacks) for key in keys]
        if country and skipped:
            without.setdefault(skipped, ([], cells))[0].append(label)
        else:
            table.append((label, cells))
    return {
        "reach": [*table, *((", ".join(labels), cells) for labels, cells in without.values())],
        "reach_languages": [(code, staff_localization.language_name(code)) for code in head.languages],
        "reach_chosen": named,
        "reach_list": listed,
        "reach_email": urlencode(
            {**({"country": country_chosen} if country_chosen else {}), "language": language_chosen}
        )
        if named and country_chosen != story_selection.ELSEWHERE
        else "",
        "reach_query": chosen_cell if named else "",
    }


def notes_on_languages_without_readers(
    combinations: Iterable[Combination], newsletter: Newsletter
) -> dict[str, str]:
    """What a missing text in a language means that no subscriber reads now: {language: sentence}."""
    found = languages_without_readers(combinations, newsletter.languages, newsletter.fallbacks)
    text = _("No subscriber reads %(language)s now; subscribers who choose it would get %(other)s")
    return {
        code: text
        % {
            "language": staff_localization.language_name(code),
            "other": staff_localization.language_name(other),
        }
        for code, other in found.items()
    }


def readers_by_country_or_elsewhere(
    combinations: Iterable[Combination], served: Collection[str]
) -> dict[str, int]:
    """How many subscribers chose each country, perhaps among others; the keys are those of `reach`."""
    found: dict[str, int] = dict.fromkeys(("", *served, story_selection.ELSEWHERE), 0)
    for one in combinations:
        ours = [code for code in one.countries if code in served]
        for country in ours or ([story_selection.ELSEWHERE] if one.countries else [""]):
            found[country] += one.readers
    return found


def _reader_group(country: str) -> str:
    """The label of a row of the table."""
    if not country:
        return _("Readers who chose no country (all countries)")
    if country == story_selection.ELSEWHERE:
        return _("Other countries")
    return staff_localization.country_name(country)


def _shown(story: Any, language: str, fallbacks: Sequence[str]) -> tuple[str, str]:
    """(headline as the reader sees it, its language where that is another)."""
    text = localization.choose_text_or_first(story.texts, language, fallbacks)
    if text is None:
        return story.key, ""
    return text.headline, "" if text.language == language else staff_localization.language_name(text.language)


@dataclass(frozen=True)
class SubjectRow:
    """The subject line of one language, as a phone's inbox shows it."""

    language: str
    name: str
    direction: str
    subject: str
    preheader: str
    # What the inbox shows, with the fallback where this language has no subject of its own.
    shown_subject: str
    shown_preheader: str
    # Where it is taken from, if not from this language.
    borrowed_from: str


def subject_rows(draft: Edition, content: Content) -> list[SubjectRow]:
    """One row for each language of the newsletter."""
    head = content.masthead
    own = {text.language: text for text in draft.texts.all()}
    given = [subject for subject in content.subjects if subject.subject.strip()]
    rows = []
    for code in head.languages:
        text = own.get(code)
        shown = localization.choose_text_or_first(given, code, head.fallbacks)
        rows.append(
            SubjectRow(
                language=code,
                name=staff_localization.language_name(code),
                direction=localization.text_direction(code),
                subject=text.subject if text else "",
                preheader=text.preheader if text else "",
                shown_subject=shown.subject if shown else _default_subject(content, code),
                shown_preheader=(shown.preheader if shown else "") or _first_summary(content, code),
                borrowed_from=staff_localization.language_name(shown.language)
                if shown and shown.language != code
                else "",
            )
        )
    return rows


def _default_subject(content: Content, language: str) -> str:
    """The subject of a reader of all countries where none is written."""
    stories = content.stories_by_key
    blocks = story_selection.visible_blocks(content, None)
    first = next((block.stories[0] for block in blocks if block.kind in ("lead", "story")), None)
    text = first and localization.choose_text_or_first(
        stories[first].texts, language, content.masthead.fallbacks
    )
    if not text:
        return f"{content.masthead.in_language(language).name}, {content.title(language)}"
    return sanitize.shorten(text.headline, view_model.LONGEST_SUBJECT)


def _first_summary(content: Content, language: str) -> str:
    stories = content.stories_by_key
    for key in story_selection.stories_of(content.blocks):
        text = localization.choose_text_or_first(stories[key].texts, language, content.masthead.fallbacks)
        if text is not None and text.summary:
            return text.summary
    return ""


def assembled_on_note(draft: Edition) -> str:
    """When the edition was assembled."""
    zone = draft.newsletter.zone
    return _("This edition was assembled on %(moment)s.") % {
        "moment": localized_names_and_dates.format_moment(draft.created_at, zone)
    }


class ChecksPage(EditionPage):
    """The preflight checks of the latest draft, which workbench.js loads after the page (GET).

    POST lets the worker look at the draft's links again.
    """

    page_title = gettext_lazy("Checks")
    template_name = "desk/editions/workbench_checks.html"
    post_permission = "mailer.change_edition"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        number = link_crawler.recheck_links_soon(self.edition, timezone.now())
        if number:
            text = ngettext(
                "%(number)s link of this edition will be checked again.",
                "%(number)s links of this edition will be checked again.",
                number,
            )
            messages.success(request, text % {"number": number})
        else:
            messages.info(request, _("All links of this edition were checked within the last minute."))
        return self.redirect_to("checks")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        edition, content, audience = current_content(self.edition)
        counted = cached_or_live_count(audience, timezone.now())
        found = run_preflight(edition, content, counted).findings
        errors = sum(finding.level == "error" for finding in found)
        links = link_crawler.link_progress(content, timezone.now())
        lines = finding_lines(found, self.edition, content, current_user(self.request))
        return super().get_context_data(
            links=links,
            links_checked=links.total - links.waiting,
            no_send=bool(no_send_status.no_send_reason()),
            unread=notes_on_languages_without_readers(counted.combinations, self.edition.newsletter),
            readers=readers_by_country_or_elsewhere(counted.combinations, content.masthead.countries),
            may_check_links=self.request.user.has_perm(self.post_permission),
            findings=lines,
            checks_summary=findings_summary(lines, self.overview.state),
            errors=errors,
            warnings=len(found) - errors,
            **kwargs,
        )
