"""Keyset pagination for long tables: no OFFSET, and row counts with an upper limit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from django.http import HttpRequest

from mailer.desk.base.parse_int import parse_int
from mailer.reports.labels import number
from subscribers.search.search import CappedCount


def cursor(request: HttpRequest, name: str) -> int | None:
    """The primary key in the query parameter `name`, from which the page starts; None for the first page."""
    return parse_int(request.GET.get(name, ""))


def count_label(count: CappedCount, one: str, many: str) -> str:
    """For example "1 subscriber", "12 subscribers" or "more than 10,000 subscribers"."""
    if count.exact:
        return f"{number(count.number)} {one if count.number == 1 else many}"
    return f"more than {number(count.number)} {many}" if count.number else f"few {many}, if any"


class KeysetPaginationMixin(ABC):
    """For an index view: shows the rows of `load_page()`, with links to newer and older ones."""

    request: HttpRequest
    results_template_name = "desk/tables/keyset_results.html"
    # The query parameter that a changed filter resets.
    page_kwarg = "after"

    def paginate_queryset(self, queryset: Any, page_size: int) -> tuple[None, None, Any, bool]:
        self.rows, self.count = self.load_page(page_size)
        return None, None, self.rows.subscribers, False

    @abstractmethod
    def load_page(self, size: int) -> tuple[Any, CappedCount]:
        """The rows of this page, and how many rows there are in all."""

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(*args, **kwargs)  # type: ignore[misc]
        return {**context, "rows": self.rows, "count": self.count}
