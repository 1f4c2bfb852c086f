// The WebSocket of a phone: frames both ways, and reports of how the call stands.

/** onReport(report), onFrame(bytes); onLost() when the connection ends without a last report. */
export class Line {
  #socket;

  constructor(path, { onReport, onFrame, onLost }) {
    const url = new URL(path, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    let over = false;
    this.#socket = new WebSocket(url);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onmessage = ({ data }) => {
      if (typeof data !== "string") return onFrame(new Uint8Array(data));
      const report = JSON.parse(data);
      over ||= report.state === "over";
      return onReport(report);
    };
    this.#socket.onclose = () => over || onLost();
  }

  /** A frame while nobody can take it is lost: it would only be heard late. */
  send(bytes) {
    if (this.#socket.readyState === WebSocket.OPEN && this.#socket.bufferedAmount === 0) this.#socket.send(bytes);
  }

  hangUp() {
    this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket.close();
  }
}
