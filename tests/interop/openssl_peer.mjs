// OpenSSL 3.5 as the other end of a connection, on either side. Run by the Node of package.json, not by the system's.
//
//   connect HOST PORT CA GROUPS [CERTIFICATE KEY]   two connections, the second with the session of the first
//   listen CERTIFICATE KEY GROUPS                   a server; says its port, then each handshake

import fs from "node:fs";
import tls from "node:tls";

const say = (facts) => console.log(JSON.stringify(facts));

function connect(options, session) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ ...options, session });
    let latest;
    // Tickets come after the handshake; the answer to a request comes after them.
    socket.on("session", (ticket) => (latest = ticket));
    socket.on("error", reject);
    socket.on("secureConnect", () => socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
    socket.on("data", () => {
      const { name } = socket.getEphemeralKeyInfo();
      const { authorized } = socket;
      resolve({ protocol: socket.getProtocol(), group: name, authorized, resumed: socket.isSessionReused(), session: latest });
      socket.destroy();
    });
    socket.on("close", () => reject(new Error("the connection ended without an answer")));
  });
}

async function client(host, port, ca, groups, certificate, key) {
  const options = {
    host,
    port,
    servername: host,
    ca: fs.readFileSync(ca),
    cert: certificate && fs.readFileSync(certificate),
    key: key && fs.readFileSync(key),
    ecdhCurve: groups,
    ALPNProtocols: ["http/1.1"],
  };
  const first = await connect(options);
  const second = await connect(options, first.session);
  say([first, second].map(({ session, ...facts }) => facts));
}

function server(certificate, key, groups) {
  const options = { cert: fs.readFileSync(certificate), key: fs.readFileSync(key), ecdhCurve: groups };
  const listener = tls.createServer(options, (socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  });
  listener.on("secureConnection", (socket) => say({ protocol: socket.getProtocol(), openssl: process.versions.openssl }));
  listener.on("tlsClientError", (error) => say({ failed: error.code }));
  listener.listen(0, "localhost", () => say({ port: listener.address().port }));
}

const [mode, ...facts] = process.argv.slice(2);
try {
  await (mode === "connect" ? client(...facts) : server(...facts));
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
