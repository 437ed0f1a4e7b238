// The server of better-auth in the comparison: its e-mail OTP plugin over one SQLite file.
import { createServer } from "node:http";
import { hash, verify } from "@node-rs/argon2";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { emailOTP } from "better-auth/plugins";
import Database from "better-sqlite3";

const { DATABASE, PEOPLE, PORT } = process.env;
// Argon2id is the package's default algorithm.
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const database = new Database(DATABASE);
database.pragma("journal_mode = WAL");
let inbox = [];

const auth = betterAuth({
  baseURL: `http://127.0.0.1:${PORT}`,
  secret: "a secret of the comparison, which protects nothing",
  database,
  telemetry: { enabled: false },
  rateLimit: { enabled: true },
  emailAndPassword: {
    enabled: true,
    password: {
      hash: (password) => hash(password, cost),
      verify: ({ hash: stored, password }) => verify(stored, password),
    },
  },
  plugins: [emailOTP({
    sendVerificationOTP: async ({ email, otp }) => { inbox.push({ to: email, secret: otp }); },
  })],
});

await (await getMigrations(auth.options)).runMigrations();
const { internalAdapter } = await auth.$context;
const password = await hash("the old password 1", cost);
database.pragma("synchronous = OFF");
for (let person = 0; person < Number(PEOPLE); person += 1) {
  // A verified address, so that a reset need not mark it as verified.
  const email = `person${person}@example.com`;
  const user = await internalAdapter.createUser({ name: "Person", email, emailVerified: true });
  await internalAdapter.linkAccount(
    { userId: user.id, accountId: user.id, providerId: "credential", password });
}
// Explicit, because the package's own default in WAL mode is NORMAL.
database.pragma("synchronous = FULL");

const handler = toNodeHandler(auth);
createServer((request, response) => {
  if (request.url !== "/mails") return handler(request, response);
  response.setHeader("content-type", "application/json").end(JSON.stringify(inbox));
  inbox = [];
}).listen(Number(PORT), "127.0.0.1");
