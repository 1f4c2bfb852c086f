// Receives webhooks: verifies them, keeps each event once in events.jsonl, and prints it. docs/webhooks.md leads here.
// Node 20 or newer, no packages: WEBHOOK_SECRET=whsec_… node receiver.mjs [PORT]
import { createHmac, timingSafeEqual } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";

const secret = process.env.WEBHOOK_SECRET ?? "";
if (!secret.startsWith("whsec_")) {
  console.error("Set WEBHOOK_SECRET to the endpoint's secret, whsec_…");
  process.exit(1);
}
const key = Buffer.from(secret.slice("whsec_".length), "base64");
const kept = existsSync("events.jsonl") ? readFileSync("events.jsonl", "utf8").split("\n").filter(Boolean) : [];
const seen = new Set(kept.map((line) => JSON.parse(line).id));

function isGenuine(headers, body) {
  const { "webhook-id": id, "webhook-timestamp": sent, "webhook-signature": signatures } = headers;
  if (!id || !signatures || !(Math.abs(Date.now() / 1000 - sent) < 300)) return false; // older than five minutes: no
  const expected = createHmac("sha256", key).update(`${id}.${sent}.`).update(body).digest();
  return signatures.split(" ").some((one) => {
    const given = Buffer.from(one.startsWith("v1,") ? one.slice(3) : "", "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

const port = Number(process.argv[2] ?? 9000);
createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray());
  if (!isGenuine(request.headers, body)) {
    console.error("Refused: not signed with WEBHOOK_SECRET, or too old.");
    return response.writeHead(401).end();
  }
  const message = JSON.parse(body);
  for (const event of Array.isArray(message.data) ? message.data : [message]) { // a batch, or one event
    if (seen.has(event.id)) continue; // sent again: we have it already
    appendFileSync("events.jsonl", JSON.stringify(event) + "\n");
    seen.add(event.id);
    console.log(event.timestamp, event.type, event.conference, event.seq);
  }
  response.writeHead(204).end(); // only now: what is not answered with 2xx comes again
}).listen(port, "127.0.0.1", () => console.log(`ready on http://127.0.0.1:${port}/`));
