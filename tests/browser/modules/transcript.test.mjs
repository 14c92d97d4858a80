// Transcripts and metrics, without a browser.

import assert from "node:assert/strict";
import test from "node:test";

import { MESSAGES } from "../../../whispercpp_ws/web/messages.js";
import { buckets, parseMetrics, quantile, total } from "../../../whispercpp_ws/web/metrics.js";
import { Transcript, WRITERS, clock, pieces } from "../../../whispercpp_ws/web/transcript.js";

const FINAL = {
  text: "Tom & Jerry <run>.",
  ts: 0.5,
  te: 1.25,
  lang: "en",
  conf: 0.9,
  words: [{ word: "Tom", start: 0.5, end: 0.7, conf: 0.9 }],
};

function spoken() {
  const transcript = new Transcript();
  transcript.add(FINAL, 3600);
  return transcript.utterances;
}

test("captions have the times of the page's audio", () => {
  const span = "01:00:00,500 --> 01:00:01,250";
  assert.equal(WRITERS.srt(spoken()), `1\n${span}\nTom & Jerry <run>.\n`);
  const vtt = `WEBVTT\n\n${span.replaceAll(",", ".")}\nTom &amp; Jerry &lt;run&gt;.\n`;
  assert.equal(WRITERS.vtt(spoken()), vtt);
});

test("text has a line for each utterance, JSON has the words", () => {
  assert.equal(WRITERS.txt(spoken()), "Tom & Jerry <run>.\n");
  const { segments } = JSON.parse(WRITERS.json(spoken()));
  assert.equal(segments[0].words[0].start, 3600.5);
});

test("an empty final is no utterance", () => {
  assert.equal(new Transcript().add({ ...FINAL, text: "" }), null);
});

test("words keep what is between them, in every script", () => {
  const words = ["你好", "世界"].map((word) => ({ word }));
  const texts = [...pieces({ text: "你好世界。", words })].map(({ text }) => text);
  assert.deepEqual(texts, ["你好", "世界", "。"]);
  const spaced = [...pieces({ text: "a  b", words: [{ word: "a" }, { word: "b" }] })];
  assert.equal(spaced.map(({ text }) => text).join(""), "a  b");
});

test("clocks have hours when they need them", () => {
  assert.deepEqual([0, 61.9, 3725].map(clock), ["0:00", "1:01", "1:02:05"]);
});

test("every message has both languages and the same fields", () => {
  const fields = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort().join();
  for (const [key, texts] of Object.entries(MESSAGES)) {
    assert.equal(texts.length, 2, key);
    assert.ok(texts.every(Boolean), key);
    assert.equal(fields(texts[0]), fields(texts[1]), key);
  }
});

test("metrics are read, and shares found within buckets", () => {
  const metrics = parseMetrics(
    [
      "# HELP whispercpp_ws_sessions Sessions",
      "whispercpp_ws_sessions 2.0",
      'whispercpp_ws_lag_seconds_bucket{kind="final",le="0.5"} 2.0',
      'whispercpp_ws_lag_seconds_bucket{kind="final",le="1.0"} 6.0',
      'whispercpp_ws_lag_seconds_bucket{kind="final",le="+Inf"} 6.0',
      'whispercpp_ws_lag_seconds_bucket{kind="a \\"b\\"",le="0.5"} 1.0',
    ].join("\n"),
  );
  assert.equal(total(metrics, "sessions"), 2);
  const rows = buckets(metrics, "lag_seconds", "kind", "final");
  assert.deepEqual(rows.map(({ count }) => count), [2, 4, 0]);
  assert.equal(quantile(rows, 0.5), 0.625);
  assert.equal(buckets(metrics, "lag_seconds", "kind", 'a "b"')[0].count, 1);
});
