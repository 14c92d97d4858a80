// What was said so far, and how it is written to a file. Nothing here needs a browser.

// About ten hours of speech; older utterances are on the server's side of the user.
export const MAX_UTTERANCES = 10_000;

export class Transcript {
	constructor() {
		this.utterances = [];
	}

	// `shift` is where in the page's audio the session began.
	add({ text, ts, te, lang, conf, words = [] }, shift = 0) {
		if (!text) return null;
		const utterance = {
			text,
			start: ts + shift,
			end: te + shift,
			lang,
			conf,
			words: words.map((word) => ({ ...word, start: word.start + shift, end: word.end + shift })),
		};
		this.utterances.push(utterance);
		if (this.utterances.length > MAX_UTTERANCES) this.utterances.shift();
		return utterance;
	}

	clear() {
		this.utterances = [];
	}
}

// The text as the server wrote it, cut into words and what is between them; languages
// differ in whether that is a space.
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
	const whole = Math.floor(seconds);
	const hours = Math.floor(whole / 3600);
	const minutes = Math.floor(whole / 60) % 60;
	const rest = String(whole % 60).padStart(2, "0");
	return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

const oneLine = (text) => text.split(/\s+/).filter(Boolean).join(" ");
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const pad = (number, digits = 2) => String(number).padStart(digits, "0");
const rounded = (seconds) => Math.round(seconds * 1000) / 1000;

function stamp(ms, point) {
	const s = Math.floor(ms / 1000);
	const time = [s / 3600, (s / 60) % 60, s % 60].map((part) => pad(Math.floor(part)));
	return time.join(":") + point + pad(ms % 1000, 3);
}

function span({ start, end }, point) {
	const from = Math.max(0, Math.round(start * 1000));
	// Players skip an empty cue.
	const to = Math.max(from + 1, Math.round(end * 1000));
	return `${stamp(from, point)} --> ${stamp(to, point)}`;
}

function jsonBody(utterances) {
	const segments = utterances.map(({ text, start, end, lang, conf, words }) => ({
		text: oneLine(text),
		start: rounded(start),
		end: rounded(end),
		lang,
		conf,
		words: words.map((word) => ({ ...word, start: rounded(word.start), end: rounded(word.end) })),
	}));
	return { text: segments.map(({ text }) => text).join(" "), segments };
}

export const WRITERS = {
	txt: (utterances) => utterances.map(({ text }) => `${oneLine(text)}\n`).join(""),
	srt: (utterances) =>
		utterances
			.map((u, index) => `${index + 1}\n${span(u, ",")}\n${oneLine(u.text)}\n`)
			.join("\n"),
	vtt: (utterances) =>
		["WEBVTT\n", ...utterances.map((u) => `${span(u, ".")}\n${escaped(oneLine(u.text))}\n`)].join(
			"\n",
		),
	json: (utterances) => `${JSON.stringify(jsonBody(utterances))}\n`,
};
