// Loaded before a client of Node whose address is written into it: what a line in the
// hosts file and a port forward would do. Name, path and certificate check are its own.
const tls = require("node:tls");

const connect = tls.connect;
const { TLS_HOST, TLS_PORT } = process.env;

tls.connect = (options, ...rest) =>
  options.host === TLS_HOST
    ? connect({ ...options, host: "127.0.0.1", port: Number(TLS_PORT) }, ...rest)
    : connect(options, ...rest);
