"""Long tables seen through a window: no row is reached by skipping others, and counts may stop short."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from django.http import HttpRequest

from mailer.desk.base.parse_int import number_in
from mailer.reports.labels import number
from subscribers.search.search import Counted


def cursor(request: HttpRequest, name: str) -> int | None:
    """The number in the address after which, or before which, the window begins."""
    return number_in(request.GET.get(name, ""))


def how_many(counted: Counted, one: str, many: str) -> str:
    """ "1 person", "12 people", "more than 10,000 people"."""
    if counted.exact:
        return f"{number(counted.number)} {one if counted.number == 1 else many}"
    return f"more than {number(counted.number)} {many}" if counted.number else f"few {many}, if any"


class WindowMixin(ABC):
    """For an index view: the table shows `look()`, and its foot leads to earlier and later rows."""

    request: HttpRequest
    results_template_name = "desk/tables/window.html"
    # What a changed filter takes out of the address.
    page_kwarg = "after"

    def paginate_queryset(self, queryset: Any, page_size: int) -> tuple[None, None, Any, bool]:
        self.window, self.counted = self.look(page_size)
        return None, None, self.window.people, False

    @abstractmethod
    def look(self, size: int) -> tuple[Any, Counted]:
        """What stands in the window, and how many rows there are."""

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(*args, **kwargs)  # type: ignore[misc]
        return {**context, "window": self.window, "counted": self.counted}
