// The client on a scripted socket: what it keeps, sends again, and gives up on.

import assert from "node:assert/strict";
import test, { afterEach } from "node:test";

import { ReplayLog, TranscriptionClient } from "../../../whispercpp_ws/web/client.js";

const READY = { type: "ready", session: "s1", model: "base", lang: "en", offset: 0 };
const FINAL = { type: "final", utterance: 1, text: "Ask not.", ts: 0, te: 1, lang: "en", conf: 1 };

class FakeSocket {
  static opened = [];
  bufferedAmount = 0;
  sent = [];

  constructor(url) {
    this.url = url;
    FakeSocket.opened.push(this);
  }

  send(data) {
    this.sent.push(data);
  }

  close(code) {
    this.closedWith = code ?? "no code";
  }

  says(...messages) {
    for (const message of messages) this.onmessage({ data: JSON.stringify(message) });
  }
}

const clients = [];

afterEach(() => clients.splice(0).forEach((client) => client.close()));

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

async function started(options = {}) {
  FakeSocket.opened = [];
  const seen = { finals: [], states: [], stable: [], ends: [] };
  const client = new TranscriptionClient({
    url: "http://host/stt",
    start: { rate: 1000 },
    WebSocket: FakeSocket,
    random: () => 0,
    onFinal: (final) => seen.finals.push(final.utterance),
    onStable: ({ stable }) => seen.stable.push(stable),
    onState: (state) => seen.states.push(state),
    onEnd: (end) => seen.ends.push(end),
    ...options,
  });
  clients.push(client);
  const connecting = client.connect();
  connecting.catch(() => {}); // Tests that care wait for it.
  await turn();
  const [socket] = FakeSocket.opened;
  socket.onopen();
  return { client, connecting, socket, seen };
}

async function comeBack() {
  await turn();
  const socket = FakeSocket.opened.at(-1);
  socket.onopen();
  return socket;
}

test("audio sent before the server is ready waits for it", async () => {
  const { client, connecting, socket } = await started();
  client.sendAudio(new Int16Array([1, 2, 3]));
  assert.equal(socket.sent.length, 1);
  socket.says(READY);
  assert.equal((await connecting).session, "s1");
  assert.deepEqual([...socket.sent[1]], [1, 0, 2, 0, 3, 0]);
  assert.equal(socket.url, "ws://host/stt");
});

test("a lost connection is resumed, and only what is unsettled is sent again", async () => {
  const { client, socket, seen } = await started({ token: () => "secret" });
  socket.says(READY);
  client.sendAudio(new Uint8Array(2000));
  client.flush();
  client.sendAudio(new Uint8Array(2000).fill(7));
  socket.says({ type: "ack", offset: 1.5 }, FINAL);
  socket.onclose({ code: 1006 });
  client.sendAudio(new Uint8Array(10).fill(9));
  const again = await comeBack();
  const opening = JSON.parse(again.sent[0]);
  assert.deepEqual([opening.resume, opening.offset, opening.token], ["s1", 1.5, "secret"]);
  again.says({ ...READY, offset: 1.5 }, FINAL, { type: "ack", offset: 1.5 });
  const audio = again.sent.slice(1).map((data) => data.length);
  assert.deepEqual(audio, [1000, 10]);
  assert.deepEqual(seen.finals, [1]);
  assert.deepEqual(seen.states, ["connecting", "open", "lost", "open"]);
});

test("a command right at the settled offset is sent again", async () => {
  const { client, socket } = await started();
  socket.says(READY);
  client.sendAudio(new Uint8Array(2000));
  client.flush();
  socket.says({ type: "ack", offset: 1 });
  socket.onclose({ code: 1001 });
  const again = await comeBack();
  again.says({ ...READY, offset: 1 });
  assert.deepEqual(again.sent.slice(1), ['{"op":"flush"}']);
});

test("waits have full jitter up to a bound, and end", async () => {
  const { client } = await started({ random: () => 0.5, backoff: { tries: 7 } });
  const waits = Array.from({ length: 8 }, () => client.nextWaitMs());
  assert.deepEqual(waits, [125, 250, 500, 1000, 2000, 2500, 2500, null]);
});

test("it gives up after as many tries as it has", async () => {
  const { socket, seen } = await started({ backoff: { tries: 2 } });
  socket.says(READY);
  socket.onclose({ code: 1006 });
  for (let tries = 0; tries < 2; tries += 1) {
    await turn();
    FakeSocket.opened.at(-1).onclose({ code: 1006 });
  }
  assert.equal(seen.ends[0].error.code, "connection_lost");
  assert.equal(FakeSocket.opened.length, 3);
});

test("a server that is full while one comes back is asked again", async () => {
  const { socket, seen } = await started();
  socket.says(READY);
  socket.onclose({ code: 1006 });
  const full = await comeBack();
  full.says({ type: "error", code: "overloaded", message: "full", retryable: true });
  const again = await comeBack();
  again.says(READY);
  assert.equal(seen.states.at(-1), "open");
});

test("an error of the session is final", async () => {
  const { connecting, socket, seen } = await started();
  socket.says({ type: "error", code: "unauthorized", message: "no", retryable: false });
  await assert.rejects(connecting, { code: "unauthorized" });
  assert.equal(seen.ends.length, 1);
});

test("a buffer that overflows unsent ends the session instead of losing words", async () => {
  const { client, socket, seen } = await started({ maxLogBytes: 1000 });
  socket.says(READY);
  socket.onclose({ code: 1006 });
  client.sendAudio(new Uint8Array(600));
  client.sendAudio(new Uint8Array(600));
  assert.equal(seen.ends[0].error.code, "buffer_full");
});

test("what was sent may be forgotten, but not asked for again", () => {
  const log = new ReplayLog({ rate: 1000 }, 1000);
  log.rewind(0);
  log.add(new Uint8Array(600));
  log.next();
  assert.ok(log.add(new Uint8Array(600)));
  assert.ok(!log.rewind(0));
  assert.ok(log.rewind(0.3));
});

test("a full socket is not given more, and gets the rest later", async () => {
  const { client, socket } = await started();
  socket.says(READY);
  socket.bufferedAmount = 2 ** 20;
  client.sendAudio(new Uint8Array(10));
  assert.equal(socket.sent.length, 1);
  socket.bufferedAmount = 0;
  await new Promise((resolve) => setTimeout(resolve, 80));
  assert.equal(socket.sent.length, 2);
});

test("a file waits while a minute of it is unsettled", async () => {
  const { client, socket } = await started();
  socket.says(READY);
  client.sendAudio(new Uint8Array(2 * 1000 * 61));
  let isFree = false;
  const waiting = client.hasRoom().then(() => (isFree = true));
  await turn();
  assert.ok(!isFree);
  socket.says({ type: "ack", offset: 2 });
  await waiting;
});

test("stable text is told when it grows, and the end ends", async () => {
  const { client, socket, seen } = await started();
  const partial = { type: "partial", utterance: 1, text: "ask not what", ts: 0, te: 1 };
  socket.says(READY, { ...partial, stable: "" }, { ...partial, stable: "ask" });
  socket.says({ ...partial, stable: "ask" }, FINAL, { type: "end", offset: 1, finals: 1 });
  assert.deepEqual(seen.stable, ["ask"]);
  assert.deepEqual([seen.ends[0].error, seen.ends[0].end.finals], [null, 1]);
  assert.ok(client.isOver);
  assert.equal(socket.closedWith, 1000);
});
