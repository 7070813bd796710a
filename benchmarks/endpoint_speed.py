"""How near asking an endpoint comes to what concurrency allows.

    python benchmarks/endpoint_speed.py

A server of its own on this machine takes a fifth of a second for every answer, as many at a time as
are asked. With c requests at a time, n answers then take n / c * 0.2 s at least; what comes on top
is ours (and the server's, which shares the process). Then the same again, which asks for nothing.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tutelage.data.example import Message
from tutelage.infer.backend import Request
from tutelage.infer.endpoint.backend import Endpoint
from tutelage.infer.endpoint.errand import Errand
from tutelage.infer.endpoint.kept import KeptReplies
from tutelage.infer.options import DecodeOptions, EndpointOptions

ITEMS, WORDS, SECONDS = 1000, 200, 0.2
ANSWER = json.dumps(
    {
        "model": "m",
        "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": WORDS, "completion_tokens": 1},
    }
).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers everything alike, after a while."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(SECONDS)
        self.send_response(200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *arguments: object) -> None: ...


def measure(url: str, concurrency: int, folder: Path) -> None:
    """Ask all items, and again; print both times."""
    options = EndpointOptions(base="m", url=url, concurrency=concurrency)
    served = options.served("base")
    assert served is not None
    requests = [
        Request((), 8, messages=(Message("user", "word " * WORDS + str(n)),)) for n in range(ITEMS)
    ]
    took = []
    for _ in range(2):
        started = time.perf_counter()
        kept = KeptReplies(folder / f"{concurrency}.jsonl")
        errand = Errand("evaluate.endpoint", "the same command")
        Endpoint(served, options, DecodeOptions(), kept, errand).ask(requests)
        took.append(time.perf_counter() - started)
    least = ITEMS / concurrency * SECONDS
    print(f"| {concurrency} | {least:.1f} s | {took[0]:.1f} s | {took[1]:.2f} s |")


def main() -> None:
    """Print a table."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("| at a time | least | asked | asked again |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for concurrency in (8, 32):
            measure(f"http://127.0.0.1:{server.server_port}/v1", concurrency, Path(folder))
    server.shutdown()


if __name__ == "__main__":
    main()
