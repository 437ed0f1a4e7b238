"""A real SMTP server for the tests: keeps messages as files, and misbehaves on command.

    smtp_server.py serve MODE FOLDER CERTIFICATE KEY   prints its port, serves until stdin ends
    smtp_server.py parse FILE...                       prints each message as a line of JSON

Modes: starttls, plain (offers no STARTTLS), auth (refuses every user), utf8 (offers SMTPUTF8), tls
(TLS from the first byte). The recipient's local part decides too: later (451), never (550), drop
(closes after the final dot).
"""
import asyncio, email, email.policy, json, logging, pathlib, ssl, sys, threading

logging.disable(logging.CRITICAL)

def parse(path):
    message = email.message_from_bytes(pathlib.Path(path).read_bytes(), policy=email.policy.default)
    parts = list(message.iter_parts())
    print(json.dumps({
        "from": [[each.display_name, each.addr_spec] for each in message["from"].addresses],
        "headers": {name.lower(): str(value) for name, value in message.items()},
        "kinds": [message.get_content_type()] + [part.get_content_type() for part in parts],
        "parts": [part.get_content() for part in parts],
        "defects": [str(defect) for defect in message.defects],
    }))

class Handler:
    def __init__(self, folder):
        self.folder, self.count = pathlib.Path(folder), 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        local = address.split("@")[0]
        if local == "later":
            return f"451 try again, <{address}>"
        if local == "never":
            return f"550 no such mailbox: <{address}>"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        local = envelope.rcpt_tos[0].split("@")[0]
        if local == "drop":
            server.transport.abort()
            return "421 gone"
        self.count += 1
        hidden = self.folder / f"{self.count}.part"
        hidden.write_bytes(envelope.original_content)
        hidden.rename(self.folder / f"{self.count}.eml")
        return "250 OK"

async def serve(mode, folder, certificate, key):
    from aiosmtpd.smtp import SMTP, AuthResult
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    options = {"enable_SMTPUTF8": mode == "utf8"}
    if mode not in ("plain", "tls"):
        options.update(tls_context=context, require_starttls=True)
    if mode == "auth":
        refuse = lambda *_: AuthResult(success=False, handled=False)
        options.update(auth_required=True, authenticator=refuse)
    handler = Handler(folder)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, **options), "127.0.0.1", 0, ssl=context if mode == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    def watch():
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)
    threading.Thread(target=watch, daemon=True).start()
    await ended.wait()

if sys.argv[1] == "parse":
    for file in sys.argv[2:]:
        parse(file)
else:
    asyncio.run(serve(*sys.argv[2:6]))
