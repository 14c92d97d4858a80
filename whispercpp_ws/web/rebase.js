// A session that goes on where one that its server lost left off.

export const rounded = (seconds) => Math.round(seconds * 1000) / 1000;

// Where a session begins in the audio and among the utterances of the client's.
export class Base {
	constructor(begin = 0, utterance = 0, finals = 0) {
		this.begin = begin;
		this.before = { offset: begin, ts: begin, te: begin, start: begin, end: begin, utterance, finals };
	}

	// Returns a message of the session, or a word of one, as the client's.
	told(message) {
		const told = { ...message };
		for (const name in this.before) {
			if (name in told) told[name] = rounded(told[name] + this.before[name]);
		}
		if (told.words) told.words = told.words.map((word) => this.told(word));
		return told;
	}
}

// What settled commands have left in force, for a session that heard none.
export class Standing {
	note(command) {
		const given = JSON.parse(command);
		if (given.op === "set") this.set = { ...this.set, ...given };
		else this.hold = given.op === "hold" && given;
	}

	get commands() {
		return [this.set, this.hold].filter(Boolean).map((command) => JSON.stringify(command));
	}
}
