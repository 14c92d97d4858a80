// The state of the server, drawn from its metrics.

import { by, interfaceLanguage, number, showMessage, speak, t, write } from "./messages.js";
import { buckets, labelValues, parseMetrics, quantile, total } from "./metrics.js";

const POLL_MS = 2000;
const HISTOGRAMS = [
	["lag_seconds", "kind"],
	["final_seconds", "stage"],
	["decode_seconds", "priority"],
];

function made(name, attributes = {}, ...children) {
	const element = Object.assign(document.createElement(name), attributes);
	element.append(...children);
	return element;
}

function tiles(metrics) {
	const value = (name, times = 1, most) => number(times * total(metrics, name), most);
	return [
		["sessions", value("sessions")],
		["connections", value("connections")],
		["load", `${value("predicted_load", 100, 0)} %`],
		["pressure", value("pressure")],
		["audio", value("audio_seconds_total", 1 / 60, 1)],
		["resumedCount", value("resumed_sessions_total")],
		["refused", value("refused_connections_total")],
		["errors", value("errors_total")],
	].map(([key, text]) => made("div", { className: "card" }, made("b", {}, text), t(key)));
}

function bars(rows, label) {
	const most = Math.max(...rows.map(({ count }) => count));
	const columns = rows.map(({ to, count }) => {
		const bar = made("i");
		bar.style.height = `${count / most}em`;
		return made("span", {}, bar, number(to));
	});
	return made("div", { className: "bars", role: "img", ariaLabel: label }, ...columns);
}

function histogram(metrics, [name, label]) {
	const parts = labelValues(metrics, name, label).flatMap((kind) => {
		const rows = buckets(metrics, name, label, kind);
		const n = rows.reduce((sum, { count }) => sum + count, 0);
		if (!n) return [];
		const [p50, p95] = [0.5, 0.95].map((share) => number(quantile(rows, share)));
		const sum = `${kind}: ${t("median", { p50, p95, n: number(n) })}`;
		return [made("p", {}, sum), bars(rows, `${t(name)}. ${sum}`)];
	});
	if (!parts.length) parts.push(t("none"));
	return made("section", { className: "card" }, made("h2", {}, t(name)), ...parts);
}

function models({ models: loaded = [], model }) {
	return loaded.map(({ name, languages }) => {
		const note = name === model ? `, ${t("isDefault")}` : "";
		return made("li", {}, `${name} (${t("languages", { n: languages.length })}${note})`);
	});
}

function show(metrics, about) {
	by("tiles").replaceChildren(...tiles(metrics));
	by("models").replaceChildren(...models(about));
	by("histograms").replaceChildren(...HISTOGRAMS.map((which) => histogram(metrics, which)));
	by("state").dataset.state = "open";
	const time = new Date().toLocaleTimeString(document.documentElement.lang);
	write("state-text", "updated", { time });
	showMessage("problem", "");
}

function showProblem(code) {
	showMessage("problem", code);
	by("state").dataset.state = "lost";
}

// Returns whether asking again makes sense.
async function refresh() {
	try {
		const [metrics, about] = await Promise.all([fetch("metrics"), fetch("about")]);
		if (metrics.status === 403) {
			showProblem("localOnly");
			return false;
		}
		show(parseMetrics(await metrics.text()), await about.json());
	} catch {
		showProblem("unreachable");
	}
	return true;
}

async function poll() {
	const isOn = document.hidden || (await refresh());
	if (isOn) setTimeout(poll, POLL_MS);
}

speak(interfaceLanguage());
document.title = t("status");
poll();
