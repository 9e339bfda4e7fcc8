"""A hall that only listens: it keeps each push and answers as it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chalicelib.ports import Reply

_LONGEST_BODY = 1_000_000  # bytes


@dataclass(frozen=True)
class Received:
    """A push as it came in; names of headers are lower-case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class CatchingHall:
    """Pushes in the order of their coming, until they are taken."""

    answer: Callable[[Received], Reply]
    url: str = ""
    _inbox: list[Received] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def next(self, wait_s: float = 20.0, match: Callable[[Received], bool] = lambda _: True) -> Received:
        """Take the first push that matches. TimeoutError: none came."""
        with self._changed:
            if not self._changed.wait_for(lambda: any(map(match, self._inbox)), wait_s):
                raise TimeoutError
            push = next(filter(match, self._inbox))
            self._inbox.remove(push)
            return push

    def put(self, push: Received) -> None:
        """Keep a push."""
        with self._changed:
            self._inbox.append(push)
            self._changed.notify_all()


@contextmanager
def catching_hall(
    answer: Callable[[Received], Reply], port: int = 0, host: str = "127.0.0.1"
) -> Iterator[CatchingHall]:
    """Listen from a thread; a push is kept before it is answered."""
    hall = CatchingHall(answer)

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True  # head and body are written one after the other

        def do_POST(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("content-length") or 0), _LONGEST_BODY))
            received = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            reply = hall.answer(received)
            content = reply.body.encode()
            self.send_response(reply.status)
            self.send_header("content-type", reply.content_type)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            hall.put(received)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer((host, port), Handler)
    hall.url = f"http://{host}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hall
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
