"""``python -m tests.web.serve [port]``: the whole application over a hall in memory, to look at pages in a browser.

It stops at the payment page, which is only on the real local hall. Files are posted to ``/uploads``, as they are to S3.
"""

from __future__ import annotations

import mimetypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlencode

from chalice.config import Config
from chalice.local import LocalGateway
from python_multipart import parse_form

from app import app
from chalicelib import wiring
from chalicelib.adapters.memory import MemoryFiles
from chalicelib.ports import VendorRejected
from infra.web.texts import compile_texts
from tests.halls import MemoryHall

UPLOADS = "/uploads"
STATIC = Path(__file__).resolve().parents[2] / "build/static"


def serve(port: int) -> ThreadingHTTPServer:
    """A server on loopback that answers for the hall that stands in; ``serve_forever`` is the caller's.

    Browsers open connections ahead, so each has a thread; the hall answers one request at a time.
    """
    hall = wiring.hall()
    assert isinstance(hall, MemoryHall)
    one_at_a_time = Lock()
    gateway = LocalGateway(app, Config(chalice_stage="local", config_from_disk={"api_gateway_stage": "hall"}))

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            if self.path.startswith("/static/"):
                kind = mimetypes.guess_type(self.path)[0] or "application/octet-stream"
                found = STATIC / Path(self.path).name
                content = found.read_bytes() if found.is_file() else b""
                self.reply(200 if content else 404, {"Content-Type": kind}, content)
                return
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.path == UPLOADS:
                self.reply(*posted(hall.uploads, self.headers["content-type"], body))
                return
            with one_at_a_time:
                answer = gateway.handle_request(self.command, self.path, dict(self.headers), body)
            headers = {**answer["headers"], **answer.get("multiValueHeaders", {})}
            self.reply(answer["statusCode"], headers, answer["body"].encode())

        do_GET = do_POST = answer  # noqa: N815  (http.server's names)

        def reply(self, status: int, headers: dict[str, Any], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                for each in value if isinstance(value, list) else [value]:
                    self.send_header(name, each)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    hall.url = f"http://127.0.0.1:{server.server_port}"
    hall.uploads = MemoryFiles(hall.url + UPLOADS)
    return server


def posted(files: MemoryFiles, content_type: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
    """What S3 does with a form that a browser posts."""
    fields, content = _form(content_type, body)
    try:
        files.receive(fields, content)
    except VendorRejected as refused:
        return 400, {"Content-Type": "application/xml"}, f"<Error><Code>{refused.code}</Code></Error>".encode()
    back = fields.get("success_action_redirect")
    if back is None:
        return 204, {}, b""
    told = urlencode({"bucket": "uploads", "key": fields["key"], "etag": '"0"'})
    return 303, {"Location": f"{back}{'&' if '?' in back else '?'}{told}"}, b""


def _form(content_type: str, body: bytes) -> tuple[dict[str, str], bytes]:
    """Its fields, and the content of its file."""
    fields: dict[str, str] = {}
    files: list[bytes] = []

    def keep(file: Any) -> None:
        file.file_object.seek(0)
        files.append(file.file_object.read())
        file.close()

    headers = {"Content-Type": content_type.encode()}
    parse_form(
        headers,
        BytesIO(body),
        lambda field: fields.update({field.field_name.decode(): (field.value or b"").decode()}),
        keep,
    )
    return fields, files[0] if files else b""


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server that runs as long as the context lasts, for the hall that stands in."""
    server = serve(0)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    compile_texts()
    with wiring.standing_in(MemoryHall(datetime.now(UTC))):
        server = serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8099)
        print(f"http://127.0.0.1:{server.server_port}")
        server.serve_forever()


if __name__ == "__main__":
    main()
