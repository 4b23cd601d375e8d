"""The settings of one node: read from ``node.toml`` in its folder. Every field is in docs/reference/settings.md."""

from __future__ import annotations

import ipaddress
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tallystick.core.errors import LocalError

FILE = "node.toml"


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """What one installation is. Paths are relative to ``folder`` unless absolute."""

    folder: Path
    party: str  # ISO 3166 alpha-2 of a State, or the agency's code
    party_name: str
    node_name: str  # "Headquarters", "JS Izumo": told to partners
    listen: str = "127.0.0.1:8101"
    public_url: str = ""  # how officers and partners reach this node; default http://<listen>
    database: str = "node.db"  # a file in the folder, or postgresql://…
    time_zone: str = "UTC"
    language: str = "en"
    sync_every_seconds: int = 30
    demo_clock: str = ""  # only a demo has one: the file both nodes read the day from
    tls_certificate: str = ""
    tls_key: str = ""
    partner_ca: str = ""  # certificates that partners' nodes are checked against; default the system's
    allow_plain_http: bool = False  # peering without TLS beyond this machine: refused unless said
    allow_passwords: bool = True  # no: passkeys only
    breached_passwords: str = ""  # a file of SHA-1 digests, sorted: passwords that others have lost
    proxy: str = ""  # the address of the proxy before the node, whose X-Forwarded-For is believed

    @property
    def url(self) -> str:
        scheme = "https" if self.tls_certificate else "http"
        return (self.public_url or f"{scheme}://{self.listen}").rstrip("/")

    @property
    def database_url(self) -> str:
        if "://" in self.database:
            return _encrypted(self.database)
        return f"sqlite:///{(self.folder / self.database).resolve()}"

    @property
    def keys_folder(self) -> Path:
        return self.folder / "keys"

    @property
    def demo_clock_path(self) -> Path | None:
        return (self.folder / self.demo_clock).resolve() if self.demo_clock else None


def _encrypted(url: str) -> str:
    """Return a PostgreSQL address under which the driver does not fall back to plain text beyond this machine.

    Without a word on it, the driver would try TLS and go on without. Whoever says ``sslmode`` is taken at their word.
    """
    parts = urlsplit(url)
    local = parts.hostname in {None, "localhost", "127.0.0.1", "::1"}
    if not parts.scheme.startswith("postgres") or local or "sslmode" in parts.query or "host=" in parts.query:
        return url
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, "sslmode=require")))))


_NAMES = {f.name: f for f in fields(NodeSettings) if f.name != "folder"}
_REQUIRED = ("party", "party_name", "node_name")


def load(folder: Path | str) -> NodeSettings:
    """Read the settings of the node in ``folder``.

    Raises:
        LocalError: ``no-node-here``, ``settings-unreadable``, ``setting-unknown``, ``setting-missing`` or
            ``setting-wrong``, each naming the file and the field.
    """
    folder = Path(folder)
    path = folder / FILE
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LocalError("no-node-here", folder=str(folder)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LocalError("settings-unreadable", file=str(path), why=str(error)) from None
    for name, value in raw.items():
        if name not in _NAMES:
            raise LocalError("setting-unknown", file=str(path), setting=name, known=", ".join(sorted(_NAMES)))
        wanted = {"int": int, "bool": bool}.get(str(_NAMES[name].type), str)
        if type(value) is not wanted:
            raise LocalError("setting-wrong", file=str(path), setting=name, why=f"must be {wanted.__name__}")
    missing = [name for name in _REQUIRED if not raw.get(name)]
    if missing:
        raise LocalError("setting-missing", file=str(path), setting=missing[0])
    settings = NodeSettings(folder=folder, **raw)
    for name, (fits, why) in _SHAPES.items():
        if not fits(getattr(settings, name)):
            raise LocalError("setting-wrong", file=str(path), setting=name, why=why)
    return settings


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and int(port) < 65_536


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return text == ""
    return True


def _is_url(text: str) -> bool:
    return text == "" or (
        text.startswith(("http://", "https://")) and len(text) <= 300 and bool(urlsplit(text).hostname)
    )


_NAME_MAX = 100  # partners refuse a card with a longer one
_SHAPES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "party": (lambda v: re.fullmatch(r"[A-Z][A-Z0-9]{0,7}", v) is not None, "a capital letter, up to 7 more or digits"),
    "party_name": (lambda v: len(v) <= _NAME_MAX, f"at most {_NAME_MAX} characters"),
    "node_name": (lambda v: len(v) <= _NAME_MAX, f"at most {_NAME_MAX} characters"),
    "listen": (_is_address, "an address and a port, such as 127.0.0.1:8101"),
    "public_url": (_is_url, "an address that begins with https:// or http://"),
    "proxy": (_is_ip, "an IP address"),
    "time_zone": (_is_zone, "not a zone name"),
    "sync_every_seconds": (lambda v: 1 <= v <= 86_400, "1 to 86400"),
}


def save(settings: NodeSettings) -> None:
    """Write ``node.toml``; leaves out what is at its default."""
    lines = ["# A Tallystick node. Each setting is explained in docs/reference/settings.md."]
    for name, spec in _NAMES.items():
        value = getattr(settings, name)
        if name in _REQUIRED or value != spec.default:
            lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    settings.folder.mkdir(parents=True, exist_ok=True)
    (settings.folder / FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
