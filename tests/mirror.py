"""A web server on this machine with the faults that real ones have."""

import threading
import time
from collections import defaultdict
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Mirror:
    """A server on this machine that serves a folder, with the faults it is told.

    Attributes:
        folder: what it serves.
        faults: per path what to do with the next requests: a status, "drop", "truncate",
            "wrong", "slow", "stall" (half, and then nothing) or "redirect" (to the same file
            elsewhere); thereafter it serves the file.
        always: what to do with every request to a path below this one.
        asked: the paths in the order of the requests.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.faults = defaultdict(list)
        self.always = {}
        self.closing = threading.Event()
        self.asked = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                mirror.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request):
        path = request.path.lstrip("/")
        self.asked.append(path)
        lasting = next((f for below, f in self.always.items() if path.startswith(below)), None)
        fault = self.faults[path].pop(0) if self.faults[path] else lasting
        file = self.folder / path.removeprefix("moved/")
        if fault == "redirect":
            request.send_response(302)
            request.send_header("Location", f"{self.address}/moved/{path.removeprefix('moved/')}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if isinstance(fault, int) or not file.is_file():
            request.send_error(fault or 404)
            return
        content = file.read_bytes()
        if fault == "slow":
            time.sleep(0.6)
        if fault == "wrong":
            content = b"x" * len(content)
        if fault == "truncate":
            content = content[: len(content) // 2]
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        cut = len(content) // 2 if fault in ("drop", "stall") else len(content)
        with suppress(OSError):  # the client gave up
            request.wfile.write(content[:cut])
            request.wfile.flush()
        if fault == "stall":
            self.closing.wait(60)
        request.close_connection = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
