"""`kind = "siprec"`: a recording server for session border controllers (RFC 7866)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from koemori.server.capture.trunk_settings import MediaTrunkSettings
from pydantic import Field, model_validator

Port = Annotated[int, Field(ge=1, le=65_535)]
Codec = Literal["PCMU", "PCMA", "G722", "OPUS", "L16"]


class SiprecTrunk(MediaTrunkSettings):
    """A SIP address that recordings are sent to.

    Attributes:
        port: For UDP and TCP.
        tls_port: For TLS.
        transports: Those that are taken.
        media_port_first: First UDP port for media.
        media_port_last: Last one; a stream needs two.
        tls_certificate: Chain in PEM; needed for TLS.
        tls_key: Its key.
        tls_client_ca: Certificates that clients must be signed by; none are asked for without.
        digest_file: Lines `user:password`; asks every INVITE for credentials (RFC 8760).
        digest_realm: Shown in the challenge.
        agents: Patterns of agents' addresses or extensions: `sip:8*@*`, `80??`.
        agent_labels: Labels whose stream is the agent's, for systems whose labels have a fixed meaning.
        agent_names: Extension → user name here, where they differ.
        caller_is: Role of who began the call, where nothing better is known.
        codecs: That are taken; among them the sender's order decides.
        require_srtp: Refuse streams without keys.
        requests_per_s: Messages of one source; more are dropped (UDP) or read later (TCP, TLS).
    """

    kind: Literal["siprec"]
    port: Port = 5060
    tls_port: Port = 5061
    transports: tuple[Literal["udp", "tcp", "tls"], ...] = ("udp", "tcp")
    media_port_first: Port = 20_000
    media_port_last: Port = 29_999
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    digest_file: Path | None = None
    digest_realm: Annotated[str, Field(pattern=r"^[A-Za-z0-9.\-]{1,64}$")] = "koemori"
    agents: tuple[str, ...] = ()
    agent_labels: tuple[str, ...] = ()
    agent_names: dict[str, str] = Field(default_factory=dict)
    caller_is: Literal["agent", "customer"] | None = None
    codecs: tuple[Codec, ...] = ("PCMU", "PCMA", "G722", "OPUS", "L16")
    require_srtp: bool = False
    requests_per_s: Annotated[int, Field(ge=1, le=100_000)] = 500

    @model_validator(mode="after")
    def _check(self) -> Self:
        if "tls" in self.transports and (self.tls_certificate is None or self.tls_key is None):
            raise ValueError("expected tls_certificate and tls_key with the transport tls; got none")
        if self.media_port_last - self.media_port_first < 1:
            raise ValueError("expected media_port_last above media_port_first")
        return self
