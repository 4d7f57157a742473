// A site of somebody else, which embeds a player.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";

/**
 * Serves players from an origin that is not the stream's, as most sites would: by path, a file beside this one and its
 * type.
 */
export async function site(files) {
  const server = createServer(async ({ url: path }, answer) => {
    const [file, type] = files[path.split("?")[0]] ?? [];
    if (!file) return answer.writeHead(404).end();
    const body = await readFile(new URL(file, import.meta.url));
    answer.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(body);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return server;
}
