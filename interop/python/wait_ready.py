"""wait_ready.py SERVER URL PID: waits until the server that PID runs answers at URL. Status 1 if it ends first or takes too long."""

import os
import sys
import time
import urllib.error
import urllib.request

_SECONDS = 60

# What each server is asked: a page of its own, so that a stranger on this port is not taken for it.
_REQUESTS = {
    "moto": ("/moto-api/data.json", None, {}),
    "ministack": ("/_ministack/health", None, {}),
    # dynoxide has none; it is asked for its tables.
    "dynoxide": (
        "/",
        b"{}",
        {
            "X-Amz-Target": "DynamoDB_20120810.ListTables",
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Date": "20260101T000000Z",
            "Authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00",
        },
    ),
}


def main(server, url, pid):
    # No proxy: the server is on this machine, whatever the environment says about others.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    path, body, headers = _REQUESTS[server]
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            opener.open(urllib.request.Request(url + path, body, headers), timeout=2).close()
            return 0
        except ProcessLookupError:
            return 1
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
