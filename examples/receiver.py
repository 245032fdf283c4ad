"""Takes a service's calls, checks their signatures, and fetches finished songs into a folder.

export WEBHOOK_SECRET=$(muscgen webhooks secret)
python receiver.py songs/ --service http://127.0.0.1:8000 --port 8080

Jobs then say where to call: {"delivery": {"webhook": {"url": "https://your.host/"}}}. A service
calls its own machine only with MUSCGEN_WEBHOOK_ALLOW_PRIVATE=true.
"""

from __future__ import annotations

import argparse
import os
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


def main() -> None:
    parser = argparse.ArgumentParser(description="Fetches songs when a service says that they are finished.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--service", default="http://127.0.0.1:8000")
    parser.add_argument("--port", type=int, default=8080)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    told: Queue[dict[str, Any]] = Queue()
    Thread(target=fetch, args=(told, asked.service, asked.folder), daemon=True).start()
    with ThreadingHTTPServer(
        ("127.0.0.1", asked.port), receiver(Webhook(os.environ["WEBHOOK_SECRET"]), told)
    ) as server:
        print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()


def receiver(webhook: Webhook, told: Queue[dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    """Answers at once; what takes long is for `fetch`."""
    known: set[str] = set()  # a database's table, in earnest: calls come at least once

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                message = webhook.verify(body, {name.lower(): value for name, value in self.headers.items()})
            except WebhookVerificationError:
                self._answer(401)
                return
            if self.headers["webhook-id"] not in known:
                known.add(self.headers["webhook-id"])
                told.put(message)
            self._answer(204)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.end_headers()

    return Receiver


def fetch(told: Queue[dict[str, Any]], service: str, folder: Path) -> None:
    while True:
        message = told.get()
        job = message["data"]
        print(message["type"], job["id"], job["status"], flush=True)
        if message["type"] == "job.completed" and job["status"] == "succeeded":
            for output in job["outputs"]:
                artifact = output["artifact"]
                path = folder / f"{job['id']}-{output['index']}.{artifact['content_type'].rpartition('/')[2]}"
                urllib.request.urlretrieve(service + artifact["url"], path)  # noqa: S310  the user's own service
                print(f"kept {path}", flush=True)


if __name__ == "__main__":
    main()
