import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = """
import sys
from node.net.lean import UNUSED_BY_LIBP2P, import_without
module = import_without({name!r}, UNUSED_BY_LIBP2P)
unused = tuple(f"{{name}}." for name in UNUSED_BY_LIBP2P)
print(module.__name__, sorted(name for name in sys.modules if f"{{name}}.".startswith(unused)))
import {later}
print({later}.__name__, hasattr({later}, "Session") or hasattr({later}, "Client"), len(sys.meta_path))
"""


def told_by(name: str, later: str) -> list[str]:
    command = [sys.executable, "-c", SCRIPT.format(name=name, later=later)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def test_the_network_is_imported_without_clients_that_it_never_uses() -> None:
    lines = told_by("node.net.host", "requests")

    assert lines[0] == "node.net.host []"


def test_what_was_left_out_can_be_imported_afterwards() -> None:
    lines = told_by("node.net.host", "httpx")

    assert lines[1].startswith("httpx True ")


def test_a_transport_that_was_left_out_can_be_imported_afterwards() -> None:
    script = (
        "from node.net.lean import UNUSED_BY_LIBP2P, import_without\n"
        "import_without('node.net.host', UNUSED_BY_LIBP2P)\nimport libp2p\n"
        "print(libp2p.QUICTransport.__module__, libp2p.transport.WebsocketTransport.__module__)"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)

    assert done.stdout == "libp2p.transport.quic.transport libp2p.transport.websocket.transport\n"


def test_code_that_uses_what_was_left_out_hears_of_it() -> None:
    script = (
        "from node.net.lean import UNUSED_BY_LIBP2P, import_without\n"
        "import_without('node.net.host', UNUSED_BY_LIBP2P)\nfrom libp2p.host import basic_host\n"
        "try:\n    basic_host.UpnpManager()\nexcept RuntimeError as error:\n    print(error)"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)

    assert done.stdout == "libp2p.discovery.upnp.upnp.UpnpManager was left out\n"


def test_what_is_imported_already_is_left_alone() -> None:
    script = (
        "import sys, requests\nfrom node.net.lean import import_without\n"
        "import_without('json.tool', {'requests'})\nprint(sys.modules['requests'] is requests)"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)

    assert done.stdout == "True\n"


def test_the_pages_are_served_without_a_client_until_somebody_asks_for_it() -> None:
    script = (
        "import ssl, sys\nfrom node.net.lean import CLIENT_OF_AIOHTTP, import_without\n"
        "web = import_without('aiohttp.web', CLIENT_OF_AIOHTTP)\nimport aiohttp\n"
        "print(web.Application.__name__, sorted(CLIENT_OF_AIOHTTP & sys.modules.keys()))\n"
        "import ui.app\nprint(sorted(CLIENT_OF_AIOHTTP & sys.modules.keys()))\n"
        "from aiohttp import ClientSession, CookieJar\n"
        "print(aiohttp.client.ClientSession is ClientSession, aiohttp.connector.TCPConnector is aiohttp.TCPConnector)\n"
        "print(issubclass(aiohttp.ClientConnectorError, aiohttp.ClientError), CookieJar.__module__)\n"
        "print(hasattr(aiohttp, 'nonsense'), all(hasattr(aiohttp, name) for name in aiohttp.__all__))\n"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)

    assert done.stdout.splitlines() == [
        "Application []",
        "[]",
        "True True",
        "True aiohttp.cookiejar",
        "False True",
    ]
