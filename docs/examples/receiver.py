"""Receives webhooks: verifies them, keeps each event once in events.jsonl, and prints it. docs/webhooks.md leads here.

Python alone, no packages: WEBHOOK_SECRET=whsec_… python3 receiver.py [PORT]
"""

import hmac
import json
import os
import sys
import time
from base64 import b64decode, b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

secret = os.environ.get("WEBHOOK_SECRET", "")
if not secret.startswith("whsec_"):
    sys.exit("Set WEBHOOK_SECRET to the endpoint's secret, whsec_…")
key = b64decode(secret.removeprefix("whsec_"))
kept = Path("events.jsonl")
seen = {json.loads(line)["id"] for line in kept.read_text("utf-8").splitlines()} if kept.exists() else set()


def is_genuine(headers, body):
    """Signed with our secret, within the last five minutes. The package standardwebhooks does the same."""
    message, sent = headers.get("webhook-id"), headers.get("webhook-timestamp", "")
    if not message or not sent.isdecimal() or abs(time.time() - int(sent)) > 300:
        return False
    digest = hmac.new(key, f"{message}.{sent}.".encode() + body, "sha256").digest()
    expected = b"v1," + b64encode(digest)
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(one.encode(), expected) for one in given)


class Receiver(BaseHTTPRequestHandler):
    timeout = 10  # seconds, for a client that says nothing

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not is_genuine(self.headers, body):
            print("Refused: not signed with WEBHOOK_SECRET, or too old.", file=sys.stderr, flush=True)
            return self.answer(401)
        message = json.loads(body)
        events = message["data"] if isinstance(message["data"], list) else [message]  # a batch, or one event
        new = [event for event in events if event["id"] not in seen]  # the others were sent again: we have them
        with kept.open("ab", buffering=0) as file:
            file.write("".join(json.dumps(event) + "\n" for event in new).encode())  # at once, or not at all
        for event in new:
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
