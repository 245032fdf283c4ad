"""The signing keys of a home: a root, and leaves by version, of which the newest signs.

    root.pem  root.key          vouches for the leaves; earlier roots stand behind it in root.pem
    1.pem     1.key             2.pem  2.key  …

A leaf that was followed by another keeps its certificate alone: what it signed can be checked, and nothing
more be signed in its name.
"""

from __future__ import annotations

import fcntl
import os
import secrets as dice
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from muscgen import telemetry
from muscgen.errors import ConfigurationError
from muscgen.provenance.certificates import DEVELOPMENT, Chain, Pair, new_leaf, new_root, pem_of

_TRIES = 3  # a key that goes while it is read was followed by another


def newest(folder: Path) -> tuple[str, str]:
    """The newest leaf's key and certificate in PEM; made where there is none. Raises ConfigurationError."""
    for _ in range(_TRIES):
        numbers = versions(folder) or [create(folder)]
        try:
            key = (folder / f"{numbers[-1]}.key").read_text("utf-8")
            return key, (folder / f"{numbers[-1]}.pem").read_text("utf-8")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _wrong(folder, error) from error
    raise ConfigurationError(f"{folder}: the newest certificate has no key", param="signing_key")


def versions(folder: Path) -> list[int]:
    """The oldest first."""
    return sorted(int(path.stem) for path in folder.glob("*.pem") if path.stem.isdecimal())


def roots(folder: Path) -> str:
    """The certificate to trust, in PEM; empty where no keys were made."""
    try:
        return (folder / "root.pem").read_text("utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _wrong(folder, error) from error


def create(folder: Path, organization: str = DEVELOPMENT) -> int:
    """Make a root and its first leaf; whoever comes first makes them. The newest version there is then."""
    part = folder.with_name(f"{folder.name}.{dice.token_hex(4)}")
    root = new_root(organization)
    try:
        part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.mkdir(mode=0o700)
        _write(part, "root", root)
        _write(part, "1", new_leaf(root, 1))
        try:
            part.rename(folder)
            telemetry.event("signing.key_made", folder=folder, organization=organization)
        except OSError:  # it is there already
            if not versions(folder):
                raise
    except OSError as error:
        raise _wrong(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return versions(folder)[-1]


def rotate(folder: Path, organization: str | None = None) -> int:
    """Make the next leaf, which signs from now on, and forget the keys of the others. Its version.

    organization: in whose name from now on; that takes another root, and the one before stays trusted.
    """
    try:
        with _alone_in(folder):
            root = _root(folder, organization)
            *_, last = versions(folder)
            _write(folder, str(last + 1), new_leaf(root, last + 1))
            for old in versions(folder)[:-1]:
                (folder / f"{old}.key").unlink(missing_ok=True)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"there are no signing keys in {folder}", param="signing_key", suggestion="muscgen keys create"
        ) from error
    except (OSError, ValueError) as error:
        raise _wrong(folder, error) from error
    return last + 1


def _root(folder: Path, organization: str | None) -> Pair:
    """What is to vouch for the next leaf: the root there is, or a new one in another name."""
    before = (folder / "root.pem").read_text("utf-8")
    root = x509.load_pem_x509_certificate(before.encode())
    key = load_pem_private_key((folder / "root.key").read_bytes(), password=None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise ConfigurationError(f"{folder}/root.key is no key of ours", param="signing_key")
    name = Chain((root,)).organization
    # A crash between the two files leaves the next root's key beside the last one's certificate.
    if organization in (None, name) and key.public_key() == root.public_key():
        return key, root
    following = new_root(organization or name)
    _write(folder, "root", following, before)
    return following


def _write(folder: Path, name: str, pair: Pair, before: str = "") -> None:
    """The key before its certificate, by which it is found. before: certificates that stay behind it."""
    key, certificate = pair
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for ending, text in ((".key", private), (".pem", (pem_of(certificate) + before).encode())):
        file = folder / f"{name}{ending}.{dice.token_hex(4)}"
        file.touch(mode=0o600)
        file.write_bytes(text)
        file.rename(folder / f"{name}{ending}")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _wrong(folder: Path, error: Exception) -> ConfigurationError:
    words = error.strerror if isinstance(error, OSError) else str(error)
    return ConfigurationError(f"{folder}: {words}", param="signing_key")
