"""Print several forms again and again, all at once, in a process of its own.

`python -m tests.proof.printing_again PORT COOKIE PATH…` begins with a line on standard output, and ends at the end of its standard input, with the statuses as JSON.
"""

import http.client
import json
import sys
import threading
import time


def ask(port: int, cookie: str, path: str) -> int:
    """Request a page and return its status."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    line.request("GET", path, headers={"Cookie": f"tracker_session={cookie}"})
    answer = line.getresponse()
    answer.read()
    line.close()
    return answer.status


def main(port: int, cookie: str, paths: list[str]) -> None:
    is_done, statuses = threading.Event(), list[int]()

    def loop(path: str) -> None:
        while not is_done.is_set():
            statuses.append(ask(port, cookie, path))
            if statuses[-1] != 200:
                time.sleep(0.2)

    threads = [threading.Thread(target=loop, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    sys.stdout.write("printing\n")
    sys.stdout.flush()
    sys.stdin.read()
    is_done.set()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps(statuses))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
