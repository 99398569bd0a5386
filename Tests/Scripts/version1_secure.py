"""Version 1 and secure rooms, both ways: a version 1 client at `netchat host --secure --compat`, and
`netchat clint --compat` at a version 1 host. Cipher 1 is written here from PROTOCOL.md, section 9.

usage: version1_secure.py NETCHAT FOLDER
"""
import base64, hashlib, json, os, socket, ssl, subprocess, sys

NETCHAT, FOLDER = sys.argv[1:]
ENVIRONMENT = dict(os.environ, NETCHAT_PASSWORD="hunter2", XDG_STATE_HOME=FOLDER)
KEYS = hashlib.pbkdf2_hmac("sha256", b"hunter2", b"network-communication-scripts-v1", 200_000, 64)


def keystream(nonce, length):
    blocks = (hashlib.sha256(KEYS[:32] + nonce + i.to_bytes(8, "big")).digest() for i in range(length // 32 + 1))
    return b"".join(blocks)


def tag(nonce, ciphertext):
    return hashlib.sha256(KEYS[32:] + nonce + ciphertext).digest()[:16]


def seal(text):
    nonce, data = os.urandom(16), text.encode()
    ciphertext = bytes(a ^ b for a, b in zip(data, keystream(nonce, len(data))))
    return base64.b64encode(nonce + tag(nonce, ciphertext) + ciphertext).decode()


def unseal(payload):
    raw = base64.b64decode(payload, validate=True)
    nonce, ciphertext = raw[:16], raw[32:]
    assert tag(nonce, ciphertext) == raw[16:32]
    return bytes(a ^ b for a, b in zip(ciphertext, keystream(nonce, len(ciphertext)))).decode()


class Peer:
    def __init__(self, connection):
        connection.settimeout(10)
        self.file = connection.makefile("rw", encoding="utf-8", newline="\n")

    def send(self, **packet):
        self.file.write(json.dumps(packet) + "\n")
        self.file.flush()

    def receive(self):
        return json.loads(self.file.readline())


def clint(port, *options):
    return subprocess.Popen(
        [NETCHAT, "clint", f"127.0.0.1:{port}", "--name", "new", *options], env=ENVIRONMENT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def version_one_client():
    host = subprocess.Popen(
        [NETCHAT, "host", "--port", "0", "--secure", "--compat", "--bind", "127.0.0.1"], env=ENVIRONMENT,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        port = int(host.stdout.readline().split(":")[1].split(".")[0])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

        def join(password):
            peer = Peer(context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10)))
            assert peer.receive()["auth"] == ["spake2plus", "password"]
            peer.send(type="auth", name="Old", password=password)
            return peer, peer.receive()

        assert join("hunter3")[1] == {"type": "auth_result", "ok": False, "reason": "Wrong password."}
        old, result = join("hunter2")
        assert result["ok"] and result["client_name"] == "Old", result
        joined = old.receive()
        assert joined["encrypted"] and unseal(joined["payload"]).startswith("Old joined from ")
        assert old.receive() == {"type": "count", "total": 1}
        new = clint(port)
        assert unseal(old.receive()["payload"]).startswith("new joined from ")
        assert old.receive()["total"] == 2
        old.send(type="chat", encrypted=True, payload=seal("hello from version 1"))
        echo = old.receive()
        assert echo["from"] == "Old" and unseal(echo["payload"]) == "hello from version 1"
        new.stdin.write("hello from version 2\n")
        new.stdin.flush()
        said = old.receive()
        assert said["from"] == "new" and unseal(said["payload"]) == "hello from version 2"
        shown, _ = new.communicate(timeout=10)
        assert "Old: hello from version 1\n" in shown and "new: hello from version 2\n" in shown, shown
        assert new.returncode == 0
    finally:
        host.kill()
        host.wait()


def certificate(name):
    """A TLS context with a new certificate, its file, and how netchat names it."""
    cert, key = f"{FOLDER}/{name}.pem", f"{FOLDER}/{name}-key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(open(cert).read())).digest()
    return context, cert, "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def version_one_host():
    context, cert, fingerprint = certificate("cert")
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    port = listener.getsockname()[1]

    def serve():
        """Greets until a client tells its password; it comes once to see who the host is."""
        while True:
            connection = listener.accept()[0]
            connection.settimeout(10)
            peer = Peer(context.wrap_socket(connection, server_side=True))
            peer.send(type="hello", secure=True)
            line = peer.file.readline()
            if line:
                return peer, json.loads(line)

    program = clint(port, "--compat", "--cert", cert)
    program.stdin.write("sealed\n")
    program.stdin.close()
    program.stdin = None
    peer, auth = serve()
    assert auth == {"type": "auth", "password": "hunter2", "name": "new"}, auth
    peer.send(type="auth_result", ok=True, client_name="new")
    peer.send(type="system", encrypted=True, payload=seal("new joined from elsewhere"))
    chat = peer.receive()
    assert unseal(chat["payload"]) == "sealed" and "text" not in chat, chat
    peer.send(**{**chat, "from": "new"})
    shown, _ = program.communicate(timeout=10)
    assert shown.splitlines()[2:] == ["new joined from elsewhere", "new: sealed"], shown
    assert program.returncode == 0

    hosts = FOLDER + "/netchat/known_hosts"
    assert open(hosts).read().endswith(f"127.0.0.1:{port} {fingerprint}\n")
    os.remove(hosts)
    for options, words in (((), "is of version 1"), (("--compat",), "is not verified")):
        program = clint(port, *options)
        connection = listener.accept()[0]
        connection.settimeout(10)
        peer = Peer(context.wrap_socket(connection, server_side=True))
        peer.send(type="hello", secure=True)
        assert peer.file.readline() == "", "the password was told"
        shown, _ = program.communicate(timeout=10)
        assert words in shown and program.returncode == 1, shown

    # A certificate that was accepted once stays what this host is compared with, after a visit too.
    with open(hosts, "w") as file:
        file.write(f"127.0.0.1:{port} {fingerprint}\n")
    program = clint(port, "--compat")
    program.stdin.close()
    program.stdin = None
    serve()[0].send(type="auth_result", ok=True, client_name="new")
    program.communicate(timeout=10)
    assert program.returncode == 0
    assert open(hosts).read() == f"127.0.0.1:{port} {fingerprint}\n"
    context, _, other = certificate("other")
    program = clint(port, "--compat")
    peer = Peer(context.wrap_socket(listener.accept()[0], server_side=True))
    peer.send(type="hello", secure=True)
    assert peer.file.readline() == "", "the password was told"
    shown, _ = program.communicate(timeout=10)
    assert "HAS CHANGED" in shown and other in shown and program.returncode == 1, shown

    # A room that once proved itself does not become one that is told the password.
    with open(hosts, "w") as file:
        file.write(f"127.0.0.1:{port} secure\n")
    program = clint(port, "--compat", "--cert", f"{FOLDER}/other.pem")
    peer = Peer(context.wrap_socket(listener.accept()[0], server_side=True))
    peer.send(type="hello", secure=True)
    assert peer.file.readline() == "", "the password was told"
    shown, _ = program.communicate(timeout=10)
    assert "--forget" in shown and program.returncode == 1, shown


version_one_client()
version_one_host()
