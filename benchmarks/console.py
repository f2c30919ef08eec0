"""Each page of the console: the time to its first byte, and its size as it goes over the wire."""

import argparse
import http.client
import re
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

#: Pages whose address everybody knows; a record's and a transfer's are found on the lists.
PAGES: Final = ("/", "/needs-you", "/records", "/transfers", "/preferences")
FOUND: Final = (
    ("/records", r"/records/[0-9a-f-]{36}"),
    ("/records", r"/records/[0-9a-f-]{36}/transfer"),
    ("/transfers", r"/transfers/[0-9a-f-]{36}"),
)
STATIC: Final = r"/static/[^\"]+"
TIMES: Final = 20


def main() -> int:
    """Ask a running console as one of its members, who is named by the issuer of the data folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console", description=__doc__)
    parser.add_argument("url", help="where `passation dev` has its pages")
    parser.add_argument("email", help="whose pages")
    given = parser.parse_args()
    parts = urlsplit(given.url)
    visitor = Visitor(parts.hostname or "127.0.0.1", parts.port or 80)
    visitor.sign_in(given.email)
    print(f"{'page':<34}{'first byte, ms':>16}{'p95, ms':>10}{'bytes':>10}")
    for path in visitor.pages():
        times, size = visitor.measure(path)
        shown = re.sub(r"[0-9a-f-]{36}", "{id}", path.partition("?")[0])
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"{shown:<34}{statistics.median(times):>16.1f}{p95:>10.1f}{size:>10}")
    return 0


class Visitor:
    """Somebody at the console, on one connection."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=30)
        self._cookies: dict[str, str] = {}

    def sign_in(self, email: str) -> None:
        """Follow the way to the issuer and back."""
        path = f"/sign-in/start?as={email}"
        for _ in range(4):
            answer, _body, _seconds = self._get(path)
            location = answer.headers.get("location")
            if location is None:
                break
            target = urlsplit(location)
            path = target.path + (f"?{target.query}" if target.query else "")
        if path != "/":
            raise SystemExit(f"nobody here is {email}")

    def pages(self) -> Iterator[str]:
        """Give the pages, and what every one of them loads once."""
        yield from PAGES
        for listed, pattern in FOUND:
            found = re.search(f'href="({pattern})"', self._get(listed)[1].decode())
            if found:
                yield found[1]
        yield from dict.fromkeys(re.findall(STATIC, self._get("/")[1].decode()))

    def measure(self, path: str) -> tuple[list[float], int]:
        """Ask for a page again and again: milliseconds to the first byte, and bytes with the headers."""
        times, size = [], 0
        for _ in range(TIMES):
            answer, body, seconds = self._get(path)
            times.append(seconds * 1000)
            size = len(body) + sum(len(name) + len(value) + 4 for name, value in answer.getheaders())
        return times, size

    def _get(self, path: str) -> tuple[http.client.HTTPResponse, bytes, float]:
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        begun = time.perf_counter()
        self._connection.request("GET", path, headers={"Cookie": cookie})
        answer = self._connection.getresponse()
        seconds = time.perf_counter() - begun
        for line in answer.headers.get_all("set-cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer, answer.read(), seconds


if __name__ == "__main__":
    sys.exit(main())
