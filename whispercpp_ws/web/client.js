// A client of the native protocol: one WebSocket, one session.

// A socket that takes less than it is given would fill the page's memory.
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

export class TranscriptionClient {
  // `onMessage` gets every message; `onClose` gets "" or a sentence on what went wrong.
  constructor(url, { onMessage, onClose }) {
    this.onMessage = onMessage;
    this.onClose = onClose;
    this.ended = false;
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => this.receive(JSON.parse(event.data));
    this.socket.onclose = (event) => this.closed(event);
  }

  static async open(url, options, handlers) {
    const client = new TranscriptionClient(url, handlers);
    await client.connected();
    client.send({ op: "start", ...options });
    return client;
  }

  connected() {
    return new Promise((resolve, reject) => {
      this.socket.addEventListener("open", resolve, { once: true });
      this.socket.addEventListener(
        "error",
        () => reject(new Error("The server does not answer, or refused the connection.")),
        { once: true },
      );
    });
  }

  sendAudio(pcm) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (this.socket.bufferedAmount > MAX_BUFFERED_BYTES) {
      this.fail("The connection is too slow for live audio.");
      return;
    }
    this.socket.send(pcm);
  }

  end() {
    this.send({ op: "end" });
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify(message));
    }
  }

  receive(message) {
    if (message.type === "end") this.ended = true;
    if (message.type === "error") this.error = message.message;
    this.onMessage(message);
  }

  fail(reason) {
    this.error = reason;
    this.socket.close();
  }

  closed(event) {
    const lost = `The connection was lost (code ${event.code}).`;
    this.onClose(this.ended ? "" : (this.error ?? lost));
  }
}
