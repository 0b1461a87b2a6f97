"""wait_ready.py URL PID: waits until the server that PID runs answers at URL. Status 1 if it ends first or takes too long."""

import os
import sys
import time
import urllib.error
import urllib.request

_SECONDS = 60


def main(url, pid):
    # No proxy: the server is on this machine, whatever the environment says about others.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            # moto's own page: a stranger on this port would not have it.
            opener.open(url + "/moto-api/data.json", timeout=2).close()
            return 0
        except ProcessLookupError:
            return 1
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
