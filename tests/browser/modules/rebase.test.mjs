// What is said of a session that goes on is told as if it were one.

import assert from "node:assert/strict";
import test from "node:test";

import { Base, Standing } from "../../../whispercpp_ws/web/rebase.js";

const BASE = new Base(10.2, 3, 2);
const WORD = { word: "ask", start: 1, end: 1.5, conf: 0.9 };
const FINAL = { type: "final", utterance: 1, text: "ask", ts: 1, te: 1.5, lang: "en", conf: 0.9 };

for (const [message, told] of [
  [{ type: "ready", offset: 0.1 }, { offset: 10.3 }],
  [{ type: "speech", state: "end", ts: 1 }, { ts: 11.2 }],
  [{ type: "ack", offset: 1 }, { offset: 11.2 }],
  [{ type: "partial", utterance: 1, stable: "", ts: 1, te: 1.5 }, { utterance: 4, ts: 11.2, te: 11.7 }],
  [FINAL, { utterance: 4, ts: 11.2, te: 11.7 }],
  [{ ...FINAL, words: [WORD] }, { utterance: 4, ts: 11.2, te: 11.7, words: [{ ...WORD, start: 11.2, end: 11.7 }] }],
  [{ type: "end", offset: 2, finals: 1 }, { offset: 12.2, finals: 3 }],
  [{ type: "warning", code: "overload", step_ms: 1500 }, {}],
]) {
  test(`times and numbers of ${JSON.stringify(message)} go on`, () => {
    assert.deepEqual(BASE.told(message), { ...message, ...told });
  });
}

test("a session that begins at the start is told as it is", () => {
  assert.deepEqual(new Base().told({ ...FINAL, words: [WORD] }), { ...FINAL, words: [WORD] });
});

test("what was set and held before stays in force", () => {
  const standing = new Standing();
  assert.deepEqual(standing.commands, []);
  for (const command of [
    { op: "set", lang: "de" }, { op: "hold" }, { op: "set", words: false }, { op: "set", lang: ["fr", "en"] },
  ]) standing.note(JSON.stringify(command));
  const set = { op: "set", lang: ["fr", "en"], words: false };
  assert.deepEqual(standing.commands.map((text) => JSON.parse(text)), [set, { op: "hold" }]);
  standing.note('{"op":"flush"}');
  assert.deepEqual(standing.commands.map((text) => JSON.parse(text)), [set]);
});
