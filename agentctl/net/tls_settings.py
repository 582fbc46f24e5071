"""TLS settings of a client: whom it trusts, and the certificate that it shows."""

from __future__ import annotations

from agentctl.lazy_dataclass import dataclass


@dataclass(frozen=True, repr=False)
class TlsSettings:
    """Files or PEM text; empty for what was not given. Imports no ``ssl``."""

    description: str = ""
    """Where they came from, for messages."""
    ca_file: str = ""
    ca_data: str = ""
    client_cert_file: str = ""
    client_cert_data: str = ""
    client_key_file: str = ""
    client_key_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    """What the server's certificate must be for, if not for its host."""
    trust_hint: str = "check certificate-authority in the kubeconfig"
    """What to do about a server that nobody vouches for."""
    name_hint: str = "check the server's address or set tls-server-name"
    """What to do about a certificate that is for another name."""
