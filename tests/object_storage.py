"""A small object storage on this machine, with as much of Amazon's S3 API as our storage uses."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

ACCESS_KEY = "test-key"
_DATE = "Wed, 01 Dec 2021 00:00:00 GMT"


class ObjectStorage(ThreadingHTTPServer):
    """Objects in memory, by "BUCKET/NAME"."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        # Parts of unfinished uploads, by the upload's id.
        self.parts: dict[str, dict[int, bytes]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def object_storage() -> Iterator[ObjectStorage]:
    with ObjectStorage() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: ObjectStorage
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.key, self.query = "", dict[str, str]()

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        parts = urlsplit(self.path)
        self.key = unquote(parts.path).strip("/")
        self.query = {name: values[0] for name, values in parse_qs(parts.query, True).items()}
        if f"Credential={ACCESS_KEY}/" not in self.headers.get("Authorization", ""):
            self._answer(403, _error("AccessDenied"))
            return False
        return True

    def do_PUT(self) -> None:
        body = self._body()
        if "uploadId" in self.query:
            self.server.parts[self.query["uploadId"]][int(self.query["partNumber"])] = body
        else:
            self.server.objects[self.key] = body
        self._answer(200, headers={"ETag": _etag(body)})

    def do_POST(self) -> None:
        self._body()
        if "uploads" in self.query:
            name = f"upload-{len(self.server.parts)}"
            self.server.parts[name] = {}
            self._answer(
                200,
                f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>",
            )
            return
        parts = self.server.parts.pop(self.query["uploadId"])
        self.server.objects[self.key] = b"".join(parts[number] for number in sorted(parts))
        self._answer(200, "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")

    def do_GET(self) -> None:
        if "/" not in self.key:
            self._list()
        elif (found := self.server.objects.get(self.key)) is None:
            self._answer(404, _error("NoSuchKey"))
        else:
            self._answer(200, found, {"ETag": _etag(found), "Last-Modified": _DATE})

    do_HEAD = do_GET  # noqa: N815

    def do_DELETE(self) -> None:
        self.server.objects.pop(self.key, None)
        self._answer(204)

    def _list(self) -> None:
        start = f"{self.key}/{self.query.get('prefix', '')}"
        entries = "".join(
            f"<Contents><Key>{escape(name.partition('/')[2])}</Key><Size>{len(data)}</Size></Contents>"
            for name, data in sorted(self.server.objects.items())
            if name.startswith(start)
        )
        self._answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, status: int, body: str | bytes = b"", headers: dict[str, str] | None = None) -> None:
        raw = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()}"'


def _error(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
