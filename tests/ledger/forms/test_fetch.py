"""Blueprints from an address, by a real server on this machine."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gwfollow.errors import GWFollowError, InputError, NotFound, RemoteRefused, RemoteSilent
from gwfollow.ledger.blueprints import read_file
from gwfollow.ledger.forms import fetch as fetching
from gwfollow.ledger.forms import hosts as listing
from gwfollow.ledger.forms.fetch import fetch
from gwfollow.ledger.forms.hosts import is_public, is_url, shown
from gwfollow.sandbox.gracedb.certificates import Credentials

PSD = b"kind: analysis\nname: psd\npipeline: psd\n"
BUNDLE = b"kind: analysisbundle\nname: pe\nanalyses: [psd, 'sub/psd.yaml', {name: sum, pipeline: pesummary}]\n"


class Server(ThreadingHTTPServer):
    """Answers by the path that is asked for; remembers what it was asked."""

    daemon_threads = True

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.leave = threading.Event()  # whoever drips ends with this
        self.dripping = threading.Event()
        self.scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.scheme = "https"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def host(self) -> str:
        return f"localhost:{self.server_port}"

    def url(self, path: str) -> str:
        return f"{self.scheme}://{self.host}{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what is tested."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
        status, headers, body = ANSWERS.get(self.path, (404, {}, b""))
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/endless":
            while not self.server.leave.is_set():
                self.wfile.write(b"# more\n" * 10_000)
        while self.path == "/drip" and not self.server.leave.wait(0.02):
            self.wfile.write(b"#")
            self.server.dripping.set()


ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/psd.yaml": (200, {}, PSD),
    "/psd.yaml?private_token=secret": (200, {}, PSD),
    "/sub/psd.yaml": (200, {}, PSD.replace(b"name: psd", b"name: other")),
    "/bundle.yaml": (200, {}, BUNDLE),
    "/local.yaml": (200, {}, b"kind: analysisbundle\nname: pe\nanalyses: ['/etc/passwd']\n"),
    "/circle.yaml": (200, {}, b"kind: analysisbundle\nname: pe\nanalyses: [circle]\n"),
    "/drip": (200, {}, b""),
    "/endless": (200, {}, b""),
    "/declared": (200, {"Content-Length": "100000"}, b"kind: event"),
    "/gzip": (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"),
    "/page": (200, {"Content-Type": "text/html"}, b"\n<!DOCTYPE html><html>Sign in</html>"),
    "/latin": (200, {}, b"name: \xff"),
    "/words": (200, {}, b"a: [b"),
    "/gone": (410, {}, b""),
    "/busy": (429, {}, b""),
    "/broken": (503, {}, b""),
    "/forbidden": (403, {}, b""),
    "/elsewhere": (302, {"Location": "https://evil.example/psd.yaml?x=secret"}, b""),
    "/metadata": (302, {"Location": "http://169.254.169.254/latest/meta-data"}, b""),
    "/file": (302, {"Location": "file:///etc/passwd"}, b""),
    "/chunked": (200, {"Transfer-Encoding": "chunked"}, b"a\r\nkind: anal\r\n5\r\nysis\n\r\n0\r\n\r\n"),
    "/moved": (302, {"Location": "/psd.yaml"}, b""),
    "/nonsense": (302, {"Location": "https://[x"}, b""),
    "/strange": (299, {}, b""),
    "/bundle-nonsense.yaml": (200, {}, b"kind: analysisbundle\nname: pe\nanalyses: ['//[x']\n"),
    "/round": (302, {"Location": "/round"}, b""),
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    found = Credentials(tmp_path_factory.mktemp("tls"))
    found.make()
    return found


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        yield found
        found.leave.set()
        found.shutdown()


@pytest.fixture
def tls_server(certificates: Credentials, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.ca))
    with Server(certificates.server) as found:
        yield found
        found.shutdown()


def test_a_blueprint_is_read_from_its_address_over_tls(tls_server: Server) -> None:
    reading = read_file(tls_server.url("/psd.yaml"), [tls_server.host])
    assert [(b.name, b.place) for b in reading.blueprints] == [("psd", "blueprint psd.yaml, document 1 (analysis psd)")]


def test_files_of_a_bundle_are_found_beside_it_on_its_server(server: Server) -> None:
    assert [b.name for b in read_file(server.url("/bundle.yaml"), [server.host]).blueprints] == ["psd", "other", "sum"]
    with pytest.raises(InputError, match=r"a circle of bundles: circle.yaml -> circle.yaml"):
        read_file(server.url("/circle.yaml"), [server.host])


def test_a_bundle_from_the_web_never_reads_a_file_of_this_machine(server: Server) -> None:
    with pytest.raises(NotFound, match="answered 404"):
        read_file(server.url("/local.yaml"), [server.host])
    assert server.asked[-1][0] == "/etc/passwd.yaml"


def test_a_reference_that_is_no_address_is_told(server: Server) -> None:
    with pytest.raises(InputError, match=r"analyses\[0\]: found '//\[x.yaml', expected an address such as"):
        read_file(server.url("/bundle-nonsense.yaml"), [server.host])


def test_a_file_may_name_addresses(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "bundle.yaml"
    path.write_text(f"kind: analysisbundle\nname: pe\nanalyses: ['{server.url('/psd.yaml')}']\n")
    assert read_file(str(path), [server.host]).blueprints[0].name == "psd"


def test_a_file_that_comes_in_chunks_is_put_together(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handler, "protocol_version", "HTTP/1.1")
    assert fetch(server.url("/chunked"), [server.host], "x")[0] == b"kind: analysis\n"


def test_a_redirect_within_the_hosts_is_followed(server: Server) -> None:
    content, found = fetch(server.url("/moved"), [server.host], "x")
    assert (content, found) == (PSD, server.url("/psd.yaml"))


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("/none.yaml", NotFound, "x: the server answered 404 Not Found: no such file, or one that asks for a login"),
        ("/gone", NotFound, "answered 410 Gone"),
        ("/busy", RemoteSilent, "answered 429 Too Many Requests"),
        ("/broken", RemoteSilent, "answered 503 Service Unavailable"),
        ("/forbidden", RemoteRefused, "answered 403 Forbidden"),
        ("/endless", InputError, f"x: found 'a longer one', expected a file of at most {fetching.MAX_BYTES} bytes"),
        ("/declared", RemoteSilent, "the answer broke off"),
        ("/gzip", RemoteRefused, "the server sent a compressed file"),
        ("/page", InputError, "x: is a web page, not YAML; use the address of the file itself"),
        ("/elsewhere", InputError, "x: found 'a redirect to https://evil.example/psd.yaml', expected one within localhost"),
        ("/metadata", InputError, "found 'a redirect to http://169.254.169.254/latest/meta-data', expected one within"),
        ("/file", InputError, "found 'a redirect to file:///etc/passwd'"),
        ("/nonsense", InputError, "/nonsense redirects to what is no address: 'Invalid IPv6 URL'"),
        ("/strange", RemoteRefused, "x: the server answered 299"),
        ("/round", InputError, "x: found 'more', expected at most 5 redirects"),
    ],
)
def test_what_a_server_may_answer_instead_is_told(server: Server, path: str, kind: type[GWFollowError], message: str) -> None:
    with pytest.raises(kind) as error:
        fetch(server.url(path), [server.host], "x")
    assert message in str(error.value)
    assert type(error.value) is kind
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("path", "message"), [("/latin", "blueprint latin: not text in UTF-8"), ("/words", "words, document 1.*: not YAML")]
)
def test_what_is_no_yaml_is_told_with_its_name(server: Server, path: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_file(server.url(path), [server.host])


def test_a_server_that_drips_is_left_when_time_is_over(server: Server) -> None:
    with pytest.raises(RemoteSilent, match=r"x: the server did not send the whole file in 0.3 s"):
        fetch(server.url("/drip"), [server.host], "x", seconds=0.3)
    assert server.dripping.wait(10)  # it did send something, again and again
    for thread in threading.enumerate():
        if thread.name == "gwfollow-fetch":
            thread.join(20)
            assert not thread.is_alive()


@pytest.mark.parametrize(
    ("url", "hosts", "message"),
    [
        (
            "https://evil.example/x.yaml",
            ["good.example"],
            "evil.example:443 is not among the hosts of GWFOLLOW_BLUEPRINT_HOSTS (good.example)",
        ),
        ("https://good.example:8443/x", ["good.example"], "good.example:8443 is not among"),
        ("https://good.example.evil.example/x", ["good.example"], "good.example.evil.example:443 is not among"),
        ("https://good.example@evil.example/x", ["good.example"], "an address with a user or a password in it is not taken"),
        ("https://u:pass@good.example/x", ["good.example"], "an address with a user or a password"),
        ("https://evil.example\\@good.example/x", ["good.example"], "an address with a user"),
        ("https://evil.example\\.good.example/x", ["good.example"], "expected an address such as"),
        ("http://good.example/x", ["good.example"], "found 'http://', expected https://"),
        ("http://good.example:80/x", ["good.example:80"], "found 'http://', expected https://"),
        ("http://127.0.0.1:1/x", ["good.example"], "127.0.0.1:1 is not among"),
        ("http://[::1]:1/x", [], "[::1]:1 is not among the hosts of GWFOLLOW_BLUEPRINT_HOSTS (none)"),
        ("ftp://good.example/x", ["good.example"], "found 'ftp://', expected https://"),
        ("file:///etc/passwd", ["good.example"], "found 'file://', expected https://"),
        ("https:///x", ["good.example"], "expected an address such as"),
        ("https://good.example:99999/x", ["good.example"], "expected an address such as"),
        ("https://[good/x", ["good.example"], "expected an address such as"),
        ("https://good.example/\x1b[31m", ["good.example"], "expected an address such as"),
    ],
)
def test_an_address_that_is_not_allowed_is_refused_before_anybody_is_asked(url: str, hosts: list[str], message: str) -> None:
    assert is_url(url)
    with pytest.raises(InputError) as error:
        fetch(url, hosts, "x")
    assert message in str(error.value)
    assert "pass@" not in str(error.value)


def test_a_name_that_leads_into_a_private_network_is_left_before_a_word_is_said(
    tls_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(listing.PORTS, "https", tls_server.server_port)  # as if it were the usual one
    with pytest.raises(InputError, match=r"localhost leads to 127.0.0.1, an address of a private network; .* list localhost:\d+"):
        fetch(tls_server.url("/psd.yaml"), ["localhost"], "x")
    assert tls_server.asked == []
    assert fetch(tls_server.url("/psd.yaml"), [tls_server.host], "x")[0] == PSD


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("192.168.1.1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::a9fe:a9fe", False),
        ("64:ff9b::808:808", True),
        ("2002:a00:1::", False),
    ],
)
def test_private_addresses_are_known_in_all_their_forms(address: str, public: bool) -> None:
    assert is_public(address) == public


def test_a_certificate_of_an_unknown_authority_is_refused(tls_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(RemoteRefused, match=r"x: the certificate of localhost does not hold: .*certificate"):
        fetch(tls_server.url("/psd.yaml"), [tls_server.host], "x")


def test_nobody_there_is_told_as_such() -> None:
    with Server() as gone:
        host, url = gone.host, gone.url("/psd.yaml")
        gone.shutdown()
    with pytest.raises(RemoteSilent, match="x: no answer from localhost: Connection refused"):
        fetch(url, [host], "x")


def test_neither_proxies_nor_logins_of_the_person_are_used(
    tls_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login albert password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    fetch(tls_server.url("/psd.yaml"), [tls_server.host], "x")
    ((_, headers),) = tls_server.asked
    assert "authorization" not in headers
    assert headers["accept-encoding"] == "identity"


def test_what_follows_the_question_mark_is_sent_and_not_shown(server: Server) -> None:
    assert fetch(server.url("/psd.yaml?private_token=secret"), [server.host], "x")[0] == PSD
    assert shown("https://u:p@host:8443/a.yaml?token=secret#x") == "https://host:8443/a.yaml"
    with pytest.raises(NotFound) as error:
        read_file(server.url("/no.yaml?private_token=secret"), [server.host])
    assert "secret" not in str(error.value)
