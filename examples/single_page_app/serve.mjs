// Serves the page and MSAL JS as npm has installed it: `npm install && npm start`, while `hosted` runs.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { normalize } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const modules = process.env.MODULES ?? `${here}node_modules`;
const port = Number(process.env.PORT ?? 8081);

createServer(async (request, response) => {
  const path = normalize(new URL(request.url, "http://localhost").pathname);
  const file = path.startsWith("/modules/") ? modules + path.slice("/modules".length) : `${here}index.html`;
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) return response.writeHead(404).end();
  const type = file.endsWith("js") ? "text/javascript" : "text/html; charset=utf-8";
  response.writeHead(200, { "content-type": type });
  createReadStream(file).pipe(response);
}).listen(port, "localhost", () => console.log(`http://localhost:${port}/`));
