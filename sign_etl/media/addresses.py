"""Which addresses we go to: http and https, and public machines only unless the user says more.

Annotation files name addresses, and servers redirect to others: both are foreign input. A name is
resolved once, its addresses are checked, and the connection goes to a checked address, so a second
look-up with another answer (DNS rebinding) cannot get in between.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

import httpx

from sign_etl.schema.outcome import Reason

Resolve = Callable[[str, int], list[str]]
"""`(host, port)` to IP addresses as text, most preferred first; raises `socket.gaierror`."""

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_HOST = re.compile(rb"[a-z0-9._-]+|[0-9a-f:.]+(%[a-z0-9._-]+)?")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAME_ERRORS = {
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA") if hasattr(socket, name)
}


class AddressRefused(Exception):
    """We do not go there.

    Args:
        reason: for the reject.
        what: what it is, as in `redirect to a <what>`.
    """

    def __init__(self, reason: Reason, what: str) -> None:
        super().__init__(what)
        self.reason = reason
        self.what = what


class UnknownHost(Exception):
    """The name service says that there is no such name."""


class NameServiceFailed(Exception):
    """The name service gave no answer; it may do so later."""


@dataclass(frozen=True, slots=True)
class Address:
    """A web address that may be asked for.

    Attributes:
        url: without user, password and fragment.
        authorization: value of the Authorization header that user and password make, if any.
    """

    url: httpx.URL
    authorization: str | None = None

    @property
    def port(self) -> int:
        """The port, also where the address leaves it out."""
        return self.url.port or (443 if self.url.scheme == "https" else 80)

    @property
    def authority(self) -> str:
        """`host:port`: politeness counts per authority."""
        return f"{self.url.host}:{self.port}"

    @property
    def log_name(self) -> str:
        """For the log: no query, since that is where presigned addresses carry their secret."""
        return f"{self.url.scheme}://{self.url.netloc.decode('ascii')}{self.url.path}"


def parse_address(text: str, base: Address | None = None) -> Address:
    """Read an address, or the target of a redirect seen from `base`.

    User and password count in the address itself only, not in a redirect: there the server, not
    the user, would choose who gets them.

    Raises:
        AddressRefused: malformed, or another scheme than http and https.
    """
    try:
        url = httpx.URL(text.strip())
        if base is not None:
            url = base.url.join(url)
        scheme, port, userinfo = url.scheme, url.port or 0, url.userinfo
        clean = url.copy_with(userinfo=b"", fragment=None)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise AddressRefused(Reason.NO_ADDRESS, "malformed address") from error
    if scheme not in ("http", "https"):
        if not scheme:
            raise AddressRefused(Reason.NO_ADDRESS, "malformed address")
        known = scheme if re.fullmatch(r"[a-z]{1,8}", scheme) else "strange"
        raise AddressRefused(Reason.ADDRESS_REFUSED, f"{known} address")
    if not _HOST.fullmatch(clean.raw_host) or port > 65535:
        raise AddressRefused(Reason.NO_ADDRESS, "malformed address")
    authorization = None
    if userinfo and base is None:
        plain = unquote(userinfo.decode("ascii"))
        authorization = "Basic " + base64.b64encode(plain.encode("utf-8")).decode("ascii")
    return Address(clean, authorization)


def is_public(address: IPAddress) -> bool:
    """True for an address of the open internet, also looking into the IPv4 inside of an IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local or address.teredo is not None:
            return False
    # `is_global` alone is true for multicast; the lists behind these words differ a little
    # between patch releases of Python, so all of them are asked.
    return address.is_global and not (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )


def system_resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver. It has no time limit of its own that we could set."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which machines may be connected to.

    Attributes:
        allow_private: see `FetchConfig.allow_private_hosts`.
        resolve: replaceable for tests.
    """

    allow_private: bool | tuple[str, ...] = False
    resolve: Resolve = system_resolve

    def connectable(self, host: str, port: int) -> list[str]:
        """The addresses of `host` that may be connected to, at least one.

        Raises:
            AddressRefused: all of them are refused.
            UnknownHost: there is no such name.
            NameServiceFailed: no answer.
        """
        try:
            found = self.resolve(host, port)
        except socket.gaierror as error:
            if error.errno in _NAME_ERRORS:
                raise UnknownHost from error
            raise NameServiceFailed from error
        except UnicodeError as error:  # a label of more than 63 characters
            raise UnknownHost from error
        allowed = [text for text in found if self.allows(host, ipaddress.ip_address(text))]
        if not allowed:
            raise AddressRefused(Reason.ADDRESS_REFUSED, "private address")
        return allowed

    def allows(self, host: str, address: IPAddress) -> bool:
        """True if `address`, found for the name `host`, may be connected to."""
        if is_public(address) or self.allow_private is True:
            return True
        if not self.allow_private:
            return False
        name = host.lower().rstrip(".")
        return any(
            name == entry.lower().strip("[].") or _covers(entry, address)
            for entry in self.allow_private
        )


def _covers(entry: str, address: IPAddress) -> bool:
    try:
        network = ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return False
    return address in network
