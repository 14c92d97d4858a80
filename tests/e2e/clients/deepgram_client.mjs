// Deepgram's SDK: node deepgram_client.mjs live|file PORT FILE, PCM16 or a WAV.
import { readFileSync } from "node:fs";
import { DeepgramClient } from "@deepgram/sdk";

const [mode, port, path] = process.argv.slice(2);
const http = `http://127.0.0.1:${port}`;
const ws = `ws://127.0.0.1:${port}`;
const client = new DeepgramClient({
  apiKey: "x",
  environment: { base: http, production: ws, agent: ws, agentRest: http },
});
const data = readFileSync(path);

async function live() {
  const messages = [];
  let opened = 0;
  const socket = await client.listen.v1.connect({
    model: "nova-3",
    language: "en",
    encoding: "linear16",
    sample_rate: 16000,
    interim_results: "true",
    vad_events: "true",
  });
  socket.on("open", () => opened++);
  socket.on("message", (message) => messages.push(message));
  const closed = new Promise((done) => socket.on("close", done));
  socket.connect();
  await socket.waitForOpen();
  socket.sendKeepAlive({ type: "KeepAlive" });
  for (let at = 0; at < data.length; at += 6400) {
    socket.sendMedia(data.subarray(at, at + 6400));
  }
  socket.sendFinalize({ type: "Finalize" });
  socket.sendCloseStream({ type: "CloseStream" });
  const { code } = await closed;
  // A client that is to reconnect does it within a second.
  await new Promise((done) => setTimeout(done, 1500));
  return { messages, code, opened };
}

async function file() {
  const options = { model: "nova-3", language: "en", utterances: true };
  return await client.listen.v1.media.transcribeFile(data, options);
}

const said = await (mode === "live" ? live() : file());
console.log(JSON.stringify(said));
process.exit(0);
