// The client on a scripted socket: what it keeps, sends again, and gives up on.

import assert from "node:assert/strict";
import test, { afterEach } from "node:test";

import { ReplayLog, TranscriptionClient } from "../../../whispercpp_ws/web/client.js";

const READY = { type: "ready", session: "s1", model: "base", lang: "en", offset: 0 };
const PARTIAL = { type: "partial", utterance: 1, text: "what your country", ts: 0, te: 1 };
const UNKNOWN = { type: "error", code: "unknown_session", message: "gone", retryable: false };
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

// The second try in a row waits for a second.
const passSecondTry = (client) => (client.tries = 2);

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
  assert.deepEqual(waits, [125, 1125, 500, 1000, 2000, 2500, 2500, null]);
});

test("a second try comes after a server must have noticed a loss, and soon", async () => {
  for (const chance of [0, 1]) {
    const { client } = await started({ random: () => chance });
    const awayMs = client.nextWaitMs() + client.nextWaitMs();
    assert.ok(awayMs >= 1000 && awayMs <= 1500, `${awayMs}`);
  }
});

test("it gives up after as many tries as it has", async () => {
  const { client, socket, seen } = await started({ backoff: { tries: 3 } });
  socket.says(READY);
  socket.onclose({ code: 1006 });
  passSecondTry(client);
  for (let tries = 0; tries < 2; tries += 1) {
    await turn();
    FakeSocket.opened.at(-1).onclose({ code: 1006 });
  }
  assert.equal(seen.ends[0].error.code, "connection_lost");
  assert.equal(FakeSocket.opened.length, 3);
});

test("a server that is full while one comes back is asked again", async () => {
  const { client, socket, seen } = await started();
  socket.says(READY);
  socket.onclose({ code: 1006 });
  passSecondTry(client);
  const full = await comeBack();
  full.says({ type: "error", code: "overloaded", message: "full", retryable: true });
  const again = await comeBack();
  again.says(READY);
  assert.equal(seen.states.at(-1), "open");
});

// A session of two seconds, the first half of which has a final that is not acknowledged,
// on a server that is started anew.
async function lostByTheServer(options) {
  const session = await started(options);
  const { client, socket } = session;
  socket.says(READY);
  client.set({ lang: "de" });
  client.hold();
  client.sendAudio(new Uint8Array(2000).fill(1));
  client.sendAudio(new Uint8Array(2000).fill(2));
  socket.says({ type: "ack", offset: 0.1 }, FINAL);
  socket.says({ ...PARTIAL, utterance: 2, stable: "what your" });
  socket.onclose({ code: 1006 });
  (await comeBack()).says(UNKNOWN);
  const anew = await comeBack();
  return { ...session, anew };
}

const audioOf = (sent) => sent.filter((data) => typeof data !== "string");
const commandsOf = (sent) => sent.filter((data) => typeof data === "string").map((text) => JSON.parse(text));

test("a server that lost the session gets what has no final in a new one", async () => {
  const { client, seen, anew } = await lostByTheServer();
  client.end();
  anew.says({ ...READY, session: "s2" });
  const [start, ...commands] = commandsOf(anew.sent);
  assert.equal(start.op, "start");
  assert.ok(!("resume" in start) && !("offset" in start));
  assert.deepEqual(commands, [{ op: "set", lang: "de" }, { op: "hold" }, { op: "end" }]);
  assert.deepEqual(audioOf(anew.sent).map((data) => [data[0], data.length]), [[2, 2000]]);
  anew.says({ ...PARTIAL, stable: "" }, FINAL, { type: "end", offset: 1, finals: 1 });
  assert.deepEqual(seen.finals, [1, 2]);
  assert.deepEqual(seen.ends[0].end, { type: "end", offset: 2, finals: 2 });
  assert.equal(seen.ends[0].error, null);
});

test("who listens is told where `stable` begins again, and nothing twice", async () => {
  const told = [];
  const speech = [];
  const { seen, anew } = await lostByTheServer({
    onState: (state, { isResumed, isAnew }) => told.push([state, isResumed, isAnew]),
    onSpeech: ({ ts }) => speech.push(ts),
  });
  anew.says({ ...READY, session: "s2" }, { ...PARTIAL, stable: "" });
  assert.deepEqual(seen.stable, ["what your"]);
  anew.says({ ...PARTIAL, stable: "what" }, { type: "speech", state: "start", ts: 0.2 });
  assert.deepEqual(seen.stable, ["what your", "what"]);
  assert.deepEqual(speech, [1.2]);
  const states = ["connecting", "open", "lost", "lost", "open"];
  assert.deepEqual(told.map(([state]) => state), states);
  assert.deepEqual(told[1].slice(1), [false, false]);
  assert.deepEqual(told[4].slice(1), [true, true]);
});

test("a session that goes on is resumed by its own name and offsets", async () => {
  const { client, seen, anew } = await lostByTheServer();
  anew.says({ ...READY, session: "s2" }, { type: "ack", offset: 0.3 });
  anew.onclose({ code: 1006 });
  const again = await comeBack();
  const { resume, offset } = commandsOf(again.sent)[0];
  assert.deepEqual([resume, offset], ["s2", 0.3]);
  again.says({ ...READY, session: "s2", offset: 0.3 }, FINAL);
  assert.equal(audioOf(again.sent)[0].length, 1400);
  assert.deepEqual(seen.finals, [1, 2]);
  assert.equal(client.state, "open");
});

test("a server may lose the session again", async () => {
  const { client, seen, anew } = await lostByTheServer();
  anew.says({ ...READY, session: "s2" }, { ...FINAL, te: 0.5 });
  anew.onclose({ code: 1006 });
  (await comeBack()).says(UNKNOWN);
  const third = await comeBack();
  third.says({ ...READY, session: "s3" });
  const [, ...commands] = commandsOf(third.sent);
  assert.deepEqual(commands, [{ op: "set", lang: "de" }, { op: "hold" }]);
  assert.equal(audioOf(third.sent)[0].length, 1000);
  client.end();
  third.says({ ...FINAL, te: 0.5 }, { type: "end", offset: 0.5, finals: 1 });
  assert.deepEqual(seen.finals, [1, 2, 3]);
  assert.deepEqual(seen.ends[0].end, { type: "end", offset: 2, finals: 3 });
});

test("commands that a new session may not have heard are sent to it again", async () => {
  const { client, anew } = await lostByTheServer();
  anew.says({ ...READY, session: "s2" });
  passSecondTry(client);
  anew.onclose({ code: 1006 });
  const again = await comeBack();
  again.says({ ...READY, session: "s2" });
  const ops = commandsOf(again.sent).map(({ op }) => op);
  assert.deepEqual(ops, ["start", "set", "hold"]);
});

test("a server that asks for a session that nobody has is believed", async () => {
  const { seen, anew } = await lostByTheServer();
  anew.says(UNKNOWN);
  assert.equal(seen.ends[0].error.code, "unknown_session");
});

test("audio that is no longer kept cannot be said to a new session", async () => {
  const { socket, client, seen } = await started({ maxLogBytes: 1000 });
  socket.says(READY);
  for (let n = 0; n < 2; n += 1) client.sendAudio(new Uint8Array(600));
  socket.onclose({ code: 1006 });
  (await comeBack()).says(UNKNOWN);
  (await comeBack()).says({ ...READY, session: "s2" });
  assert.equal(seen.ends[0].error.code, "buffer_full");
});

test("`end` is sent again though a final's time is rounded past the last sample", () => {
  const log = new ReplayLog({ rate: 44100 });
  log.add(new Uint8Array(2 * 66_128)); // 1.49950 s.
  log.add('{"op":"end"}');
  log.settle(1.5);
  log.rewind(1.5);
  assert.equal(log.next(), '{"op":"end"}');
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

test("a line that takes nothing for a while is given up, a silent one is not", async () => {
  const { client, socket, seen } = await started();
  socket.says(READY);
  const halfAMinutePasses = () => (client.movedAt -= 30_000);
  socket.send = () => (socket.bufferedAmount += 10);
  halfAMinutePasses();
  client.sendAudio(new Uint8Array(10));
  socket.bufferedAmount -= 5;
  halfAMinutePasses();
  client.sendAudio(new Uint8Array(10));
  assert.equal(seen.states.at(-1), "open");
  halfAMinutePasses();
  client.sendAudio(new Uint8Array(10));
  assert.equal(seen.states.at(-1), "lost");
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
