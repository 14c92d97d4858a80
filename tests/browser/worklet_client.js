// The client of a Vosk-like setup: a worklet, a start message, raw frames, never `end`.
async (rate) => {
  // Without the noise filter, which eats syllables of this recording of 1961.
  const audio = { channelCount: 1, noiseSuppression: false };
  const microphone = await navigator.mediaDevices.getUserMedia({ audio });
  const context = new AudioContext({ sampleRate: rate });
  await context.audioWorklet.addModule("pcm-worklet.js");
  const node = new AudioWorkletNode(context, "pcm-worklet", {
    channelCount: 1,
    channelCountMode: "explicit",
    numberOfOutputs: 0,
  });
  const socket = new WebSocket(`ws://${location.host}/stt`);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("no connection"));
  });
  const start = { op: "start", format: "pcm16le", rate: context.sampleRate, channels: 1, lang: "en" };
  socket.send(JSON.stringify(start));
  node.port.onmessage = ({ data }) => socket.send(data.pcm);
  context.createMediaStreamSource(microphone).connect(node);
  const finals = [];
  await new Promise((resolve, reject) => {
    socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "error") reject(new Error(data));
      if (message.type === "final") finals.push(message.text);
      if (message.type === "final" && /for your country\W*$/.test(message.text)) resolve();
    };
  });
  socket.close();
  await context.close();
  return finals;
};
