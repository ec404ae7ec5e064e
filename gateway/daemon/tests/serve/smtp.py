# A mail server as offices have it: TLS, and an account that must be shown. Each mail it takes is a line of JSON.
import json, ssl, sys, threading
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

folder, port = sys.argv[1], int(sys.argv[2])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")


class Handler:
    async def handle_DATA(self, server, session, envelope):
        with open(f"{folder}/received", "a") as received:
            mail = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "login": session.auth_data.login.decode(),
                    "text": envelope.content.decode()}
            received.write(json.dumps(mail) + "\n")
        return "250 taken"


def authenticator(server, session, envelope, mechanism, data):
    holds = isinstance(data, LoginPassword) and data.login == b"deskgate" and data.password == b"pw-mail"
    return AuthResult(success=holds, handled=holds, auth_data=data if holds else None)


class Server(Controller):
    def factory(self):
        return SMTP(self.handler, hostname="localhost", tls_context=context if port != 465 else None,
                    require_starttls=port != 465, auth_required=True, authenticator=authenticator,
                    auth_require_tls=port != 465)


Server(Handler(), hostname="127.0.0.1", port=port, ssl_context=context if port == 465 else None).start()
threading.Event().wait()
