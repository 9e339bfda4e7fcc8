"""The counterpart within a test's own process, on a free port of the loopback."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from infra.local.stripe_counterpart.app import create_app
from infra.local.stripe_counterpart.postman import Address


@contextlib.contextmanager
def running(state_dir: Path, address: Address | None = None, clock: Callable[[], float] = time.time) -> Iterator[str]:
    """Gives the address of a counterpart that serves until the end of the block. ``clock`` gives Unix seconds.

    The socket listens before the server runs, so a first request waits in its queue and nobody has to poll.
    asyncio turns Nagle's algorithm off only for a socket that says it is TCP, which ``create_server``'s doesn't.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = create_app(state_dir, url, address or Address("", "whsec_unused"), clock)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="stripe_counterpart")
        thread.start()
        try:
            yield url
        finally:
            server.should_exit = True
            thread.join()
