// What was said so far, and how it is written to a file. Nothing here needs a browser.

import { rounded } from "./rebase.js";

// About ten hours of speech.
const MAX_UTTERANCES = 10_000;

export class Transcript {
	utterances = [];

	// `shift` is where in the page's audio the session began.
	add({ text, ts, te, lang, conf, words = [] }, shift = 0) {
		if (!text) return null;
		const moved = (start, end) => ({ start: rounded(start + shift), end: rounded(end + shift) });
		const shifted = words.map((word) => ({ ...word, ...moved(word.start, word.end) }));
		const utterance = { text, ...moved(ts, te), lang, conf, words: shifted };
		this.utterances.push(utterance);
		if (this.utterances.length > MAX_UTTERANCES) this.utterances.shift();
		return utterance;
	}

	clear() {
		this.utterances = [];
	}
}

// The server's text as words and what is between them: a space, in Chinese nothing.
export function* pieces({ text, words }) {
	let at = 0;
	for (const word of words) {
		const found = text.indexOf(word.word, at);
		if (found < 0) continue;
		if (found > at) yield { text: text.slice(at, found) };
		at = found + word.word.length;
		yield { text: word.word, word };
	}
	if (at < text.length) yield { text: text.slice(at) };
}

export function clock(seconds) {
	return parts(seconds).join(":").replace(/^(00:)?0?/, "");
}

const oneLine = (text) => text.split(/\s+/).filter(Boolean).join(" ");
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const pad = (number, digits = 2) => String(number).padStart(digits, "0");

// Hours, minutes and seconds of two digits.
const parts = (s) => [s / 3600, (s / 60) % 60, s % 60].map((part) => pad(Math.floor(part)));
const stamp = (ms, point) => parts(ms / 1000).join(":") + point + pad(ms % 1000, 3);

function span({ start, end }, point) {
	const from = Math.max(0, Math.round(start * 1000));
	// Players skip an empty cue.
	const to = Math.max(from + 1, Math.round(end * 1000));
	return `${stamp(from, point)} --> ${stamp(to, point)}`;
}

function jsonBody(utterances) {
	const segments = utterances.map((utterance) => ({ ...utterance, text: oneLine(utterance.text) }));
	return { text: segments.map(({ text }) => text).join(" "), segments };
}

export const WRITERS = {
	txt: (utterances) => utterances.map(({ text }) => `${oneLine(text)}\n`).join(""),
	srt: (utterances) =>
		utterances.map((u, n) => `${n + 1}\n${span(u, ",")}\n${oneLine(u.text)}\n`).join("\n"),
	vtt: (utterances) =>
		["WEBVTT\n", ...utterances.map((u) => `${span(u, ".")}\n${escaped(oneLine(u.text))}\n`)].join("\n"),
	json: (utterances) => `${JSON.stringify(jsonBody(utterances))}\n`,
};
