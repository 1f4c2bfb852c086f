"""Receives webhooks: verifies them, keeps each event once in events.jsonl, and prints it. docs/webhooks.md leads here.

pip install standardwebhooks; WEBHOOK_SECRET=whsec_… python receiver.py [PORT]
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WEBHOOK_SECRET"])
kept = Path("events.jsonl")
seen = {json.loads(line)["id"] for line in kept.read_text("utf-8").splitlines()} if kept.exists() else set()


class Receiver(BaseHTTPRequestHandler):
    timeout = 10  # seconds, for a client that says nothing

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            message = webhook.verify(body, dict(self.headers.items()))
        except (WebhookVerificationError, ValueError):
            return self.answer(401)  # not ours, or older than five minutes
        events = message["data"] if isinstance(message["data"], list) else [message]  # a batch, or one event
        with kept.open("a", encoding="utf-8") as file:
            for event in events:
                if event["id"] not in seen:  # sent again: we have it already
                    file.write(json.dumps(event) + "\n")
                    seen.add(event["id"])
                    print(event["timestamp"], event["type"], event["conference"], event["seq"], flush=True)
        self.answer(204)  # only now: what is not answered with 2xx comes again

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000), Receiver)
print(f"ready on http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
