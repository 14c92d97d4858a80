// Reads Prometheus' text format, as much of it as the server writes.

const LINE = /^whispercpp_ws_(\w+)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

// A map from names without the server's prefix to lists of { labels, value }.
export function parseMetrics(text) {
	const found = new Map();
	for (const line of text.split("\n")) {
		const [, name, labels = "", value] = line.match(LINE) ?? [];
		if (!name) continue;
		if (!found.has(name)) found.set(name, []);
		found.get(name).push({ labels: parseLabels(labels), value: Number(value) });
	}
	return found;
}

function parseLabels(text) {
	const pairs = [...text.matchAll(LABEL)];
	return Object.fromEntries(pairs.map(([, name, value]) => [name, value.replace(/\\(.)/g, "$1")]));
}

export function total(metrics, name) {
	return (metrics.get(name) ?? []).reduce((sum, { value }) => sum + value, 0);
}

// The buckets of one histogram, each with its own count: [{ from, to, count }].
export function buckets(metrics, name, label, wanted) {
	let [from, below] = [0, 0];
	return (metrics.get(`${name}_bucket`) ?? [])
		.filter(({ labels }) => labels[label] === wanted)
		.map(({ labels: { le }, value }) => ({ to: le === "+Inf" ? Infinity : Number(le), value }))
		.sort((one, other) => one.to - other.to)
		.map(({ to, value }) => {
			const row = { from, to, count: value - below };
			[from, below] = [to, value];
			return row;
		});
}

export function labelValues(metrics, name, label) {
	return [...new Set((metrics.get(`${name}_count`) ?? []).map(({ labels }) => labels[label]))];
}

// Where a share of all values lies below, spread evenly within its bucket.
export function quantile(rows, share) {
	let left = share * rows.reduce((sum, { count }) => sum + count, 0);
	for (const { from, to, count } of rows) {
		if (count && left <= count) return to === Infinity ? from : from + ((to - from) * left) / count;
		left -= count;
	}
	return 0;
}
