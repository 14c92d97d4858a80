// Node's ws, as browsers offer subprotocols: node websocket_client.mjs URL NAME...
import WebSocket from "ws";

const [url, ...offered] = process.argv.slice(2);
const socket = new WebSocket(url, offered);
const said = await new Promise((done) => {
  socket.on("error", (error) => done({ error: error.message }));
  socket.on("open", () => done({ protocol: socket.protocol }));
});
console.log(JSON.stringify(said));
process.exit(0);
