// Draws a transcript: finals by utterance, the open one below them.

import { by, number, t } from "./messages.js";
import { clock, pieces } from "./transcript.js";

const POOR = 0.4; // Whisper is modest: right words of `base` often have 0.5.
const FAIR = 0.6;
const NEAR_END_PX = 120;

export class TranscriptView {
	items = [];
	list = by("finals");

	// `onHear` gets the seconds from and to that somebody wants to hear again.
	constructor(onHear) {
		this.onHear = onHear;
		this.list.addEventListener("click", (event) => this.clicked(event.target));
		this.list.addEventListener("keydown", (event) => this.pressed(event));
	}

	showPartial(stable, tentative) {
		by("stable").textContent = stable;
		by("tentative").textContent = tentative;
		by("empty").hidden = Boolean(this.items.length || stable || tentative);
		this.follow();
	}

	add(utterance) {
		const [item, button, text] = ["li", "button", "p"].map((name) => document.createElement(name));
		button.setAttribute("aria-describedby", "word-help");
		Object.assign(text, { dir: "auto", lang: utterance.lang });
		text.append(...[...pieces(utterance)].map(drawn));
		item.append(button, text);
		this.items.push({ item, button, text, utterance });
		this.list.append(item);
		this.label(this.items.at(-1));
		// The only live region: a screen reader hears each sentence once, when it is final.
		Object.assign(by("said"), { lang: utterance.lang, textContent: utterance.text });
		this.showPartial("", "");
	}

	clear() {
		this.items = [];
		this.list.replaceChildren();
		this.showPartial("", "");
	}

	relabel() {
		for (const entry of this.items) this.label(entry);
	}

	label({ button, text, utterance: { start, end } }) {
		button.textContent = clock(start);
		button.ariaLabel = t("hear", { from: clock(start), to: clock(end) });
		for (const word of text.children) {
			const percent = number(100 * word.dataset.conf, 0);
			word.title = t("confidence", { word: word.textContent, percent });
		}
	}

	clicked(target) {
		const entry = this.entryOf(target);
		if (!entry) return;
		if (target.dataset.start) this.hearWord(target);
		if (target !== entry.button) return;
		const word = entry.text.querySelector(".chosen");
		if (word) this.hearWord(word);
		else this.onHear(entry.utterance.start, entry.utterance.end);
	}

	hearWord({ dataset: { start, end } }) {
		this.onHear(Number(start), Number(end));
	}

	pressed(event) {
		const entry = this.entryOf(event.target);
		const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
		if (!entry || !step) return;
		event.preventDefault();
		const words = [...entry.text.children];
		const chosen = words.findIndex((word) => word.classList.contains("chosen"));
		words[chosen]?.classList.remove("chosen");
		const word = words[chosen + step];
		word?.classList.add("chosen");
		by("said").textContent = word?.textContent ?? "";
	}

	entryOf(target) {
		return this.items.find(({ item }) => item.contains(target));
	}

	// Keep the newest line in sight of those who look at it.
	follow() {
		const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
		const below = scrollHeight - clientHeight - scrollTop;
		if (below < NEAR_END_PX && below > 0) by("partial").scrollIntoView({ block: "nearest" });
	}
}

function drawn({ text, word }) {
	if (!word) return text;
	const span = document.createElement("span");
	span.className = `word ${word.conf < POOR ? "poor" : word.conf < FAIR ? "fair" : ""}`.trim();
	span.textContent = text;
	Object.assign(span.dataset, { start: word.start, end: word.end, conf: word.conf });
	return span;
}
