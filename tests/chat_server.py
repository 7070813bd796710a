"""A small server that speaks the chat-completions protocol over real sockets, and misbehaves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-test-3141592653"


@dataclass
class Response:
    """What to send.

    Attributes:
        status: of HTTP.
        content: the body.
        headers: besides its type.
        delay: seconds before it.
        drip: seconds between its bytes.
        cut: close the connection after so many bytes of the body.
    """

    status: int = 200
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    cut: int | None = None


def completion(text: str | None, finish: str = "stop", **message: Any) -> Response:
    """A good answer."""
    content = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "served-2026-11-22",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": finish,
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
    }
    return Response(content=json.dumps(content).encode())


def error(status: int, message: str, code: str | None = None, **headers: str) -> Response:
    """An error as OpenAI writes it."""
    content = {"error": {"message": message, "type": "error", "code": code}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, json.dumps(content).encode(), named)


Behaviour = Callable[[int, dict[str, Any]], Response]
"""The number of a request, from 0, and its body, to what is sent."""


class ChatServer:
    """Counts and remembers what it is asked.

    Attributes:
        url: its address, with /v1.
        asked: bodies in the order in which they came.
        times: when they came.
        most: most requests that were being answered at the same time.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.asked: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.keys: set[str | None] = set()
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                response = outer.begin(self.path, self.headers.get("Authorization"), body)
                try:
                    self.send(response)
                except OSError:
                    self.close_connection = True  # the client has gone
                finally:
                    outer.end()

            def send(self, response: Response) -> None:
                time.sleep(response.delay)
                self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(response.content)))
                self.end_headers()
                if response.cut is not None:
                    self.wfile.write(response.content[: response.cut])
                    self.close_connection = True
                elif response.drip:
                    for byte in response.content:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        time.sleep(response.drip)
                else:
                    self.wfile.write(response.content)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def begin(self, path: str, key: str | None, body: dict[str, Any]) -> Response:
        """Remember a request and decide on its response."""
        with self._lock:
            number = len(self.asked)
            self.asked.append(body)
            self.times.append(time.monotonic())
            self.keys.add(key)
            self._now += 1
            self.most = max(self.most, self._now)
        if path != "/v1/chat/completions":
            return error(404, f"no {path} here")
        return self.behaviour(number, body)

    def end(self) -> None:
        """A request is answered."""
        with self._lock:
            self._now -= 1


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[ChatServer]:
    """A server that runs meanwhile."""
    server = ChatServer(behaviour)
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()


def echo(number: int, body: dict[str, Any]) -> Response:
    """The last word of the question."""
    return completion(body["messages"][-1]["content"].split()[-1])
