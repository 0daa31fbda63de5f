// The built console before a node, as the gateway serves it: the same paths, the same headers. For work on the console
// against a binary that embeds an older one; what is tested for release is the binary itself.

import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { join } from "node:path";

/** The gateway's policy, from its own source. */
function policy() {
  const source = readFileSync(new URL("../../crates/gateway/src/console.rs", import.meta.url), "utf8");
  const text = /const POLICY: &str = "([^"]+)";/.exec(source)?.[1];
  if (text === undefined) throw new Error("crates/gateway/src/console.rs has no POLICY");
  return text.replaceAll(/\\\s*\n\s*/g, "");
}

/** Serves `folder` on a free port, and asks `node()` (an address such as 127.0.0.1:8080) for all else. */
export async function serve(folder, node, port = 0) {
  const files = new Map();
  for (const line of readFileSync(join(folder, "manifest.txt"), "utf8").split("\n").filter(Boolean)) {
    const [path, media] = line.split("\t");
    files.set(`/${path}`, { media, content: readFileSync(join(folder, path)) });
  }
  const server = createServer((incoming, outgoing) => {
    const { pathname } = new URL(incoming.url, "http://localhost");
    if (/^\/(v1\/|health|metrics)/.test(pathname)) {
      const [host, to] = node().split(":");
      const headers = { ...incoming.headers, host: node() };
      if (headers.origin) headers.origin = `http://${node()}`;
      const options = { host, port: to, path: incoming.url, method: incoming.method, headers };
      const passed = request(options, (answer) => {
        outgoing.writeHead(answer.statusCode, answer.headers);
        answer.pipe(outgoing);
      });
      passed.on("error", () => outgoing.destroy());
      outgoing.on("close", () => passed.destroy());
      incoming.pipe(passed);
      return;
    }
    const file = files.get(pathname) ?? files.get("/index.html");
    outgoing.writeHead(200, { "content-type": file.media, "content-security-policy": policy() });
    outgoing.end(file.content);
  });
  await new Promise((listening) => server.listen(port, "127.0.0.1", listening));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
