"""A TLS 1.2 host that sends its hello in the same segment as the end of the handshake: tls_host.py CERT KEY

It prints its port, lets one client in, and says one message and goodbye.
"""

import json
import socket
import ssl
import sys

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.maximum_version = ssl.TLSVersion.TLSv1_2  # where the server is the last to speak
context.load_cert_chain(*sys.argv[1:])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
connection.settimeout(10)
received, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
tls = context.wrap_bio(received, to_send, server_side=True)


def when_received(action):
    """The action's result, once enough has been received for it."""
    while True:
        try:
            return action()
        except ssl.SSLWantReadError:
            connection.sendall(to_send.read())
            received.write(connection.recv(65536) or sys.exit("the client has gone"))


def say(**packet):
    tls.write(json.dumps(packet).encode() + b"\n")


when_received(tls.do_handshake)
say(type="hello", secure=False, version=2, room="00112233445566778899aabbccddeeff")
connection.sendall(to_send.read())
when_received(lambda: tls.read(1000))
say(type="auth_result", ok=True, client_name="alice", id=0, total=1, token="t")
say(type="bye", code="kicked", reason="All was heard.")
connection.sendall(to_send.read())
