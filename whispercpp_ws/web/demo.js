// The demo page: microphone in, text out.

import { TranscriptionClient } from "./client.js";

const LANGUAGES = [
  "en", "zh", "de", "es", "ru", "ko", "fr", "ja", "pt", "tr", "pl", "nl", "ar", "sv",
  "it", "id", "hi", "fi", "vi", "he", "uk", "el", "cs", "ro", "da", "hu", "ta", "no",
  "th", "ur", "hr", "bg", "lt", "sk", "fa", "lv", "bn", "sr", "sl", "kn", "et", "mk",
];

const page = Object.fromEntries(
  [
    "controls", "toggle", "language", "level", "status", "error", "finals", "stable",
    "tentative",
  ].map((id) => [id, document.getElementById(id)]),
);

let running = null;

function listLanguages() {
  const names = new Intl.DisplayNames([navigator.language], { type: "language" });
  for (const code of LANGUAGES) {
    page.language.add(new Option(names.of(code), code));
  }
}

class Recording {
  static async start() {
    const recording = new Recording();
    try {
      await recording.open();
    } catch (error) {
      recording.release();
      throw error;
    }
    return recording;
  }

  async open() {
    this.stream = await openMicrophone();
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule("pcm-worklet.js");
    this.client = await TranscriptionClient.open(endpoint(), this.options(), {
      onMessage: show,
      onClose: (problem) => this.closed(problem),
    });
    this.worklet = new AudioWorkletNode(this.context, "pcm-worklet", {
      channelCount: 1,
      channelCountMode: "explicit",
      numberOfOutputs: 0,
    });
    this.worklet.port.onmessage = (event) => this.receive(event.data);
    this.context.createMediaStreamSource(this.stream).connect(this.worklet);
  }

  options() {
    return {
      format: "pcm16le",
      rate: this.context.sampleRate,
      channels: 1,
      lang: page.language.value,
    };
  }

  receive({ pcm, peak, stopped }) {
    if (stopped) {
      this.client.end();
      this.release();
      return;
    }
    page.level.value = peak;
    this.client.sendAudio(pcm);
  }

  stop() {
    page.status.textContent = "Finishing…";
    this.worklet.port.postMessage("stop");
  }

  release() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    if (this.context && this.context.state !== "closed") this.context.close();
    page.level.value = 0;
  }

  closed(problem) {
    this.release();
    showStopped(problem);
  }
}

async function openMicrophone() {
  if (!navigator.mediaDevices) {
    throw new Error("Browsers give the microphone to https:// pages and localhost only.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  } catch (error) {
    throw new Error(microphoneProblem(error));
  }
}

function microphoneProblem(error) {
  const known = {
    NotAllowedError: "The microphone was not allowed. Allow it for this page and retry.",
    NotFoundError: "No microphone was found. Connect one and retry.",
    NotReadableError: "The microphone is used by another program.",
  };
  return known[error.name] ?? `The microphone failed: ${error.message}`;
}

function endpoint() {
  const url = new URL("stt", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

function show(message) {
  if (message.type === "ready") page.status.textContent = "Listening…";
  if (message.type === "partial") showPartial(message.stable, message.text);
  if (message.type === "final") showFinal(message);
  if (message.type === "warning") page.status.textContent = message.message;
}

function showPartial(stable, text) {
  page.stable.textContent = stable;
  page.tentative.textContent = text.slice(stable.length);
}

function showFinal(message) {
  showPartial("", "");
  if (!message.text) return;
  const time = document.createElement("time");
  time.textContent = clock(message.ts);
  const item = document.createElement("li");
  item.append(time, message.text);
  page.finals.append(item);
  item.scrollIntoView({ block: "nearest" });
}

function clock(seconds) {
  const rest = String(Math.floor(seconds % 60)).padStart(2, "0");
  return `${Math.floor(seconds / 60)}:${rest}`;
}

function showRunning() {
  page.error.hidden = true;
  page.toggle.textContent = "Stop";
  page.toggle.classList.add("running");
  page.language.disabled = true;
  page.status.textContent = "Connecting…";
}

function showStopped(problem) {
  running = null;
  page.toggle.textContent = "Start";
  page.toggle.classList.remove("running");
  page.toggle.disabled = false;
  page.language.disabled = false;
  page.status.textContent = "Ready.";
  page.error.textContent = problem;
  page.error.hidden = !problem;
  showPartial("", "");
}

async function start() {
  showRunning();
  page.toggle.disabled = true;
  try {
    running = await Recording.start();
    page.toggle.disabled = false;
  } catch (error) {
    showStopped(error.message);
  }
}

page.controls.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) {
    page.toggle.disabled = true;
    running.stop();
  } else {
    start();
  }
});

listLanguages();
