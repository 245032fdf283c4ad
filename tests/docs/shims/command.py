"""`muscgen` as the documentation calls it. What would serve until Ctrl-C is stopped once it serves."""

from __future__ import annotations

import subprocess
import sys
import threading

# What each prints or logs once it is ready.
SERVERS = {"serve": "listening on", "worker": "worker.ready"}
LIMIT_S = 40


def main(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "muscgen", *arguments]
    if arguments and arguments[0] in SERVERS:
        free = ["--port", "0"] if arguments[0] == "serve" else []
        return serve([*command, *free], SERVERS[arguments[0]])
    return subprocess.call(command)


def serve(command: list[str], ready: str) -> int:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watchdog = threading.Timer(LIMIT_S, process.kill)
    watchdog.start()
    assert process.stdout is not None
    for line in process.stdout:
        sys.stderr.write(line)
        if ready in line:
            process.terminate()
            break
    process.stdout.read()
    process.stdout.close()
    watchdog.cancel()
    return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
