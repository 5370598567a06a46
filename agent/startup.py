"""What the daemon settles before it loads its libraries, so that it starts soon and stays small."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

# How OpenSSL is told where the system's certificates are (SSL_CTX_set_default_verify_paths(3)).
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")

_SELDOM = (20_000, 50, 1_000)
"""Garbage collection while libraries load: often enough that memory does not grow, without the full ones."""


@contextmanager
def frugal() -> Iterator[None]:
    """Load libraries inside: without their extras, and seldom looking for garbage among what stays.

    What was loaded counts as permanent afterwards: no collection in mid-sale walks through it.
    """
    # Looking for plugins of the validation library reads the metadata of every installed package; nobody
    # else's code belongs between a till's order and the journal anyway.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    # Lists of two callbacks do not need a C++ runtime of their own.
    os.environ["FROZENLIST_NO_EXTENSIONS"] = "1"
    usual = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        _load_http()
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*usual)


def _load_http() -> None:
    """Load the HTTP library without the certificates that it reads twice into contexts of its own.

    Ours are read when they are needed (`agent.stripe.exchange`). A context made here trusts nobody.
    """
    kept = {name: os.environ.get(name) for name in _CERTIFICATES}
    os.environ.update(dict.fromkeys(_CERTIFICATES, os.devnull))
    try:
        import aiohttp.web  # noqa: F401  # for its effect: it is loaded now
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
