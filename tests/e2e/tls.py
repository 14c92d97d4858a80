"""A TLS listener before a server, for clients that refuse to speak without it."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.foreign import run_client
from tests.e2e.proxy import copy_bytes


LOCALHOST = "127.0.0.1"


@dataclass(frozen=True)
class Front:
    """Where TLS is ended, and the certificate that a client has to trust."""

    port: int
    certificate: Path


async def run_over_tls(
    script: str, to_port: int, folder: Path, *arguments: object
) -> Any:
    """Run a client of Node as `run_client` does, its connections ended in TLS here."""
    async with tls_front(to_port, folder) as front:
        trust = {"NODE_EXTRA_CA_CERTS": str(front.certificate)}
        return await run_client(script, front.port, *arguments, environment=trust)


@asynccontextmanager
async def tls_front(
    to_port: int, folder: Path, name: str = "localhost", *, port: int = 0
) -> AsyncIterator[Front]:
    """
    Pass what comes over TLS, for a name or 127.0.0.1, on to a port.

    It listens on `port`, or on any that is free; raises OSError where it may not.
    """
    certificate, key = _write_certificate(folder, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def accept(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answers, onward = await asyncio.open_connection(LOCALHOST, to_port)
        await asyncio.gather(copy_bytes(reader, onward), copy_bytes(answers, writer))

    server = await asyncio.start_server(accept, LOCALHOST, port, ssl=context)
    try:
        yield Front(server.sockets[0].getsockname()[1], certificate)
    finally:
        server.close()


def _write_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address(LOCALHOST))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    written = folder / "certificate.pem", folder / "key.pem"
    written[0].write_bytes(certificate.public_bytes(pem))
    written[1].write_bytes(
        key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return written
