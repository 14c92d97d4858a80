// The state of the server, drawn from its metrics.

import { interfaceLanguage, number, showMessage, speak, t } from "./messages.js";
import { buckets, labelValues, parseMetrics, quantile, total } from "./metrics.js";

const POLL_MS = 2000;
const HISTOGRAMS = [
	["lagPartial", "lag_seconds", "kind", "partial"],
	["lagFinal", "lag_seconds", "kind", "final"],
	["finalTotal", "final_seconds", "stage"],
	["decode", "decode_seconds", "priority"],
];

const by = (id) => document.getElementById(id);

function made(name, attributes = {}, ...children) {
	const element = Object.assign(document.createElement(name), attributes);
	element.append(...children);
	return element;
}

function tiles(metrics) {
	const value = (name) => total(metrics, name);
	return [
		["sessions", number(value("sessions"))],
		["connections", number(value("connections"))],
		["load", `${number(100 * value("predicted_load"), 0)} %`],
		["pressure", number(value("pressure"))],
		["audio", number(value("audio_seconds_total") / 60, 1)],
		["resumedCount", number(value("resumed_sessions_total"))],
		["refused", number(value("refused_connections_total"))],
		["errors", number(value("errors_total"))],
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

function histogram(metrics, [title, name, label, only]) {
	const kinds = only ? [only] : labelValues(metrics, name, label);
	const parts = kinds.flatMap((kind) => {
		const rows = buckets(metrics, name, label, kind);
		const n = rows.reduce((sum, { count }) => sum + count, 0);
		if (!n) return [];
		const [p50, p95] = [0.5, 0.95].map((share) => number(quantile(rows, share)));
		const sum = `${only ? "" : `${kind}: `}${t("median", { p50, p95, n: number(n) })}`;
		return [made("p", {}, sum), bars(rows, `${t(title)}. ${sum}`)];
	});
	if (!parts.length) parts.push(t("none"));
	return made("section", { className: "card" }, made("h2", {}, t(title)), ...parts);
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
	by("state-text").textContent = t("updated", { time });
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
