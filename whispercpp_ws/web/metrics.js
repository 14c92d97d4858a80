// Reads Prometheus' text format, as much of it as the server writes.

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const PREFIX = "whispercpp_ws_";

// A map from names without the server's prefix to lists of { labels, value }.
export function parseMetrics(text) {
	const found = new Map();
	for (const line of text.split("\n")) {
		const [, name, labels = "", value] = line.match(LINE) ?? [];
		if (!name) continue;
		const key = name.replace(PREFIX, "");
		if (!found.has(key)) found.set(key, []);
		found.get(key).push({ labels: parseLabels(labels), value: parseValue(value) });
	}
	return found;
}

function parseLabels(text) {
	return Object.fromEntries([...text.matchAll(LABEL)].map(([, name, value]) => [name, unescaped(value)]));
}

const unescaped = (text) => text.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
const parseValue = (text) => (text.endsWith("Inf") ? Infinity : Number(text));

export function total(metrics, name) {
	return (metrics.get(name) ?? []).reduce((sum, { value }) => sum + value, 0);
}

// The buckets of one histogram, each with its own count: [{ from, to, count }].
export function buckets(metrics, name, label, wanted) {
	const rows = (metrics.get(`${name}_bucket`) ?? [])
		.filter(({ labels }) => labels[label] === wanted)
		.map(({ labels, value }) => ({ to: parseValue(labels.le), value }))
		.sort((one, other) => one.to - other.to);
	return rows.map(({ to, value }, index) => ({
		from: rows[index - 1]?.to ?? 0,
		to,
		count: value - (rows[index - 1]?.value ?? 0),
	}));
}

export function labelValues(metrics, name, label) {
	return [...new Set((metrics.get(`${name}_count`) ?? []).map(({ labels }) => labels[label]))];
}

// Where a share of all values lies below, spread evenly within its bucket.
export function quantile(rows, share) {
	const all = rows.reduce((sum, { count }) => sum + count, 0);
	let left = all * share;
	for (const { from, to, count } of rows) {
		if (count && left <= count) return to === Infinity ? from : from + ((to - from) * left) / count;
		left -= count;
	}
	return 0;
}
