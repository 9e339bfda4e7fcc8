"""``python -m tests.web.serve [port]``: the whole application over a hall in memory, to look at pages in a browser.

It stops at the payment page, which is only on the real local hall.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from chalice.config import Config
from chalice.local import LocalGateway

from app import app
from chalicelib import wiring
from infra.web.texts import compile_texts
from tests.halls import MemoryHall

STATIC = Path(__file__).resolve().parents[2] / "build/static"


def serve(port: int) -> HTTPServer:
    """A server on loopback that answers for the hall that stands in; ``serve_forever`` is the caller's."""
    gateway = LocalGateway(app, Config(chalice_stage="local", config_from_disk={"api_gateway_stage": "hall"}))

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            if self.path.startswith("/static/"):
                content = (STATIC / Path(self.path).name).read_bytes()
                self.reply(200, {"Content-Type": "text/css"}, content)
                return
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
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

    return HTTPServer(("127.0.0.1", port), Handler)


def main() -> None:
    compile_texts()
    server = serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8099)
    print(f"http://127.0.0.1:{server.server_port}")
    with wiring.standing_in(MemoryHall()):
        server.serve_forever()


if __name__ == "__main__":
    main()
