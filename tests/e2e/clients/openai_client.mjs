// OpenAI's SDK: node openai_client.mjs PORT WAV.
import { createReadStream } from "node:fs";
import OpenAI from "openai";

const [port, path] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "x" });
const transcribe = (options) =>
  client.audio.transcriptions.create({
    model: "whisper-1",
    file: createReadStream(path),
    language: "en",
    ...options,
  });

async function streamed() {
  const events = [];
  for await (const event of await transcribe({ stream: true })) events.push(event);
  return events;
}

async function refused() {
  try {
    await transcribe({ response_format: "diarized_json" });
  } catch (error) {
    return { name: error.constructor.name, status: error.status, param: error.param };
  }
}

const models = [];
for await (const model of client.models.list()) models.push(model.id);
const said = {
  models,
  json: await transcribe({}),
  text: await transcribe({ response_format: "text" }),
  srt: await transcribe({ response_format: "srt" }),
  vtt: await transcribe({ response_format: "vtt" }),
  verbose: await transcribe({
    response_format: "verbose_json",
    timestamp_granularities: ["word", "segment"],
  }),
  events: await streamed(),
  refused: await refused(),
  translation: await client.audio.translations.create({
    model: "whisper-1",
    file: createReadStream(path),
  }),
};
console.log(JSON.stringify(said));
