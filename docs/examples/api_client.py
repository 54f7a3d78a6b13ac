"""A small client of the REST API: adds the people of a sign-up sheet, and prints the last mailing's account.

    pip install requests
    export NEWSLETTER_URL=https://news.example.org NEWSLETTER_KEY=mailer_key_…
    python api_client.py monthly sheet.csv

The key needs the scopes lists:read, subscribers:read, subscribers:write and mailings:read. The file has the
columns email, name and language.
"""

from __future__ import annotations

import csv
import os
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import requests

# Requests that are repeated after these answers change nothing twice, because of their Idempotency-Key.
TRY_AGAIN = {429, 502, 503, 504}
ATTEMPTS = 5


class ApiError(Exception):
    """The API refused a request. `problem` is its answer (RFC 9457), with a stable `code`."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(f"{problem['status']} {problem['code']}: {problem.get('detail', '')}")
        self.problem = problem


class Newsletter:
    """The API of one installation, called with one key."""

    def __init__(self, url: str, key: str, session: requests.Session | None = None) -> None:
        self._root = f"{url.rstrip('/')}/api/v1"
        self._session = session or requests.Session()
        self._session.headers["Authorization"] = f"Bearer {key}"

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The answer's JSON. Raises ApiError, or requests' own errors where there is no answer."""
        headers = {} if method == "GET" else {"Idempotency-Key": str(uuid.uuid4())}
        for attempt in range(1, ATTEMPTS + 1):
            response = self._session.request(
                method, self._root + path, headers=headers, timeout=30, **options
            )
            if response.status_code not in TRY_AGAIN or attempt == ATTEMPTS:
                break
            time.sleep(float(response.headers.get("Retry-After", 2**attempt)))
        if not response.ok:
            raise ApiError(response.json())
        return response.json() if response.content else None

    def pages(self, path: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Every row of a list, page by page."""
        while True:
            page = self.call("GET", path, params=filters)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            filters["cursor"] = page["next_cursor"]

    def subscribe(self, mailing_list: int, person: dict[str, str], consent: str) -> str:
        """Add a person to a list with consent that they gave elsewhere: "added", or why not."""
        try:
            subscriber = self.call("POST", "/subscribers", json=person)
        except ApiError as error:
            if error.problem["code"] != "already_exists":
                raise
            subscriber = self.call("POST", "/subscribers/find", json={"email": person["email"]})
        body = {"list": mailing_list, "consent": consent}
        try:
            self.call("POST", f"/subscribers/{subscriber['id']}/subscriptions", json=body)
        except ApiError as error:
            if error.problem["status"] != 409:
                raise
            # Such as "unsubscribed": only they themselves come back, by a sign-up.
            return str(error.problem["code"])
        return "added"


def main(newsletter: Newsletter, slug: str, file_name: str) -> None:
    """Add everyone in the file to the list, and print the last mailing's account."""
    lists = {one["slug"]: one["id"] for one in newsletter.pages("/lists")}
    if slug not in lists:
        sys.exit(f"There is no list “{slug}”. The lists are: {', '.join(sorted(lists))}.")
    with open(file_name, encoding="utf-8", newline="") as file:
        for person in csv.DictReader(file):
            outcome = newsletter.subscribe(lists[slug], dict(person), f"Sign-up sheet {file_name}"[:190])
            print(f"{person['name']}: {outcome}")
    for mailing in newsletter.call("GET", "/mailings", params={"limit": 1})["items"]:
        totals = newsletter.call("GET", f"/mailings/{mailing['id']}")["totals"]
        print(f"mailing {mailing['id']}: {totals['accepted']} of {totals['audience']} accepted")


if __name__ == "__main__":
    main(Newsletter(os.environ["NEWSLETTER_URL"], os.environ["NEWSLETTER_KEY"]), *sys.argv[1:3])
