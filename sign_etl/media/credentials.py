"""User names and passwords for web servers: one file of the user's, which nobody else may read.

    ~/.config/sign-etl/netrc (or where SIGN_ETL_NETRC points), mode 0600:
    machine data.example.org login jane password secret

The format is that of `~/.netrc`; a file of our own, because annotation files name addresses, and
what a user keeps for other programs must not be sent wherever such a file points. Passwords are
never options of a command (every user of the machine sees those), never logged, never in a build.
"""

from __future__ import annotations

import base64
import ipaddress
import netrc
import os
import stat
from pathlib import Path

import platformdirs

from sign_etl.core.errors import AccessError
from sign_etl.media.addresses import Address


def credentials_file() -> Path:
    """Where the file is; `SIGN_ETL_NETRC` overrides it."""
    chosen = os.environ.get("SIGN_ETL_NETRC")
    return Path(chosen) if chosen else platformdirs.user_config_path("sign-etl") / "netrc"


class Credentials:
    """The entries of a file, by host.

    Args:
        path: the file; a missing one has no entries.

    Raises:
        AccessError: others may read it, or it cannot be read or understood.
    """

    def __init__(self, path: Path) -> None:
        self._logins: dict[str, tuple[str, str]] = {}
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:
            raise AccessError(
                f"cannot read the passwords in {path}", hint=f"chmod 600 {path}"
            ) from None
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise AccessError(f"others may read the passwords in {path}", hint=f"chmod 600 {path}")
        try:
            entries = netrc.netrc(str(path)).hosts
        except (OSError, UnicodeError, netrc.NetrcParseError):  # its message may quote a password
            raise AccessError(
                f"cannot understand the passwords in {path}",
                hint="one line for each host: machine HOST login USER password PASSWORD",
            ) from None
        for host, (login, _, password) in entries.items():
            if host != "default" and password:
                self._logins[host.lower()] = (login or "", password)

    def authorization(self, address: Address) -> str | None:
        """Value of the Authorization header for `address`, None where there is no entry.

        Passwords go over https, or stay on this machine.
        """
        host = address.url.host.lower()
        login = self._logins.get(host)
        if login is None or not (address.url.scheme == "https" or _is_loopback(host)):
            return None
        return "Basic " + base64.b64encode(":".join(login).encode("utf-8")).decode("ascii")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
