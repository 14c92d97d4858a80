// OpenAI's realtime client, over TLS: node openai_realtime_client.mjs PORT PCM, 24 kHz.
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const [port, path] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `https://127.0.0.1:${port}/v1`, apiKey: "x" });
const realtime = new OpenAIRealtimeWS({ intent: "transcription" }, client);
const pcm = readFileSync(path);
const events = [];
const COMPLETED = "conversation.item.input_audio_transcription.completed";
const counted = (kind) => events.filter((event) => event.type === kind).length;

const over = new Promise((done, fail) => {
  realtime.on("error", (raised) => {
    // What the server has committed by itself need not be committed again.
    if (raised.error?.code !== "input_audio_buffer_commit_empty") fail(raised);
  });
  realtime.on("event", (event) => {
    events.push(event);
    const items = counted("input_audio_buffer.committed");
    if (counted("input_audio_buffer.cleared") && counted(COMPLETED) === items) done();
  });
});
realtime.on("session.created", () =>
  realtime.send({
    type: "session.update",
    session: {
      type: "transcription",
      audio: {
        input: {
          format: { type: "audio/pcm", rate: 24000 },
          transcription: { model: "gpt-4o-transcribe", language: "en" },
          turn_detection: { type: "server_vad" },
        },
      },
    },
  }),
);
realtime.on("session.updated", () => {
  for (let at = 0; at < pcm.length; at += 9600) {
    const audio = pcm.subarray(at, at + 9600).toString("base64");
    realtime.send({ type: "input_audio_buffer.append", audio });
  }
  realtime.send({ type: "input_audio_buffer.commit" });
  realtime.send({ type: "input_audio_buffer.clear" });
});
await over;
const closed = new Promise((done) => realtime.socket.on("close", done));
realtime.close();
const code = await closed;
console.log(JSON.stringify({ events, code }));
process.exit(0);
