"""Makes a certificate authority, a server's and a client's certificate in a folder, with openssl."""
import os
import subprocess


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make(folder):
    """Writes ca.crt, server.crt/.key (for localhost and 127.0.0.1) and client.crt/.key."""
    os.makedirs(folder, exist_ok=True)
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority",
            "-keyout", "ca.key", "-out", "ca.crt")
    for name in ("server", "client"):
        with open(os.path.join(folder, f"{name}.ext"), "w", encoding="ascii") as extensions:
            extensions.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                "-out", f"{name}.csr")
        openssl(folder, "x509", "-req", "-days", "2", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                "-CAcreateserial", "-extfile", f"{name}.ext", "-out", f"{name}.crt")
    return folder


def directives(folder, port):
    """redis.conf directives that serve TLS with them; clients may show a certificate but need not."""
    return {
        "tls-port": port,
        "tls-cert-file": os.path.join(folder, "server.crt"),
        "tls-key-file": os.path.join(folder, "server.key"),
        "tls-ca-cert-file": os.path.join(folder, "ca.crt"),
        "tls-auth-clients": "optional",
    }
