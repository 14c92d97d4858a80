// AssemblyAI's SDK, over TLS: node assemblyai_client.mjs PORT PCM, 16 kHz PCM16.
import { readFileSync } from "node:fs";
import { AssemblyAI } from "assemblyai";

const [port, path] = process.argv.slice(2);
// A busy machine needs more than its 1 s to connect, and 5 s for the rest of the text.
const PATIENCE_MS = 120_000;
const client = new AssemblyAI({ apiKey: "x" });
const transcriber = client.streaming.transcriber({
  websocketBaseUrl: `wss://127.0.0.1:${port}/v3/ws`,
  sampleRate: 16000,
  formatTurns: true,
  connectTimeout: PATIENCE_MS,
});
const turns = [];
let error;
transcriber.on("turn", (turn) => turns.push(turn));
transcriber.on("error", (raised) => (error = raised.message));
const begin = await transcriber.connect();
const pcm = readFileSync(path);
for (let at = 0; at < pcm.length; at += 3200) {
  transcriber.sendAudio(pcm.subarray(at, at + 3200));
}
// Until everything is said.
await transcriber.close(true, PATIENCE_MS);
console.log(JSON.stringify({ begin, turns, error }));
process.exit(0);
