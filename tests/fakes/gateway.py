"""A reverse proxy on loopback, as nginx or a tunnel is one: it gives up, refuses large bodies, and says so in HTML.

::

    with FakeKoboldCpp(service_seconds=1.0) as server, Gateway(server.url, patience=0.2) as gateway:
        ...                                          # use gateway.url; the server goes on after each 504
"""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

from fakes.answers import Answer
from fakes.loopback import Arrival, Loopback


class Gateway(Loopback):
    """The proxy.

    ``patience``: seconds without an answer after which it closes its connection to the server and answers ``status``
    (504, or 524 as Cloudflare does); a server that is not there is 502. Bodies over ``limit`` bytes get ``too_large``.
    """

    def __init__(
        self,
        backend: str,
        *,
        patience: float = 30.0,
        status: int = 504,
        limit: int | None = None,
        too_large: int = 413,
    ) -> None:
        self.backend, self.patience, self.status = backend, patience, status
        self.limit, self.too_large = limit, too_large
        super().__init__(threads=32)
        self.start()

    def answer(self, arrival: Arrival) -> Answer:
        """The server's answer, or the proxy's own."""
        if self.limit is not None and arrival.size > self.limit:
            if self.too_large == 404:
                return Answer(404, json.dumps({"message": f"Cannot POST {arrival.path}", "statusCode": 404}).encode())
            return _page(self.too_large, "Request Entity Too Large")
        connection = http.client.HTTPConnection(urlsplit(self.backend).netloc, timeout=self.patience)
        body = arrival.raw or (json.dumps(arrival.body).encode() if arrival.is_json else None)
        headers = {name: value for name, value in arrival.headers.items() if name in {"authorization", "content-type"}}
        try:
            connection.request(arrival.method, arrival.path, body, headers)
            response = connection.getresponse()
            data = response.read()
        except TimeoutError:
            return _page(self.status, "Gateway Time-out")
        except (OSError, http.client.HTTPException):
            return _page(502, "Bad Gateway")
        finally:
            connection.close()
        return Answer(response.status, data, response.getheader("content-type", ""), len(data))


def _page(status: int, words: str) -> Answer:
    body = f"<html><head><title>{status} {words}</title></head><body><hr>nginx</body></html>".encode()
    return Answer(status, body, "text/html", len(body))
