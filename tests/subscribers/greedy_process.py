"""A reader of files that behaves as a parser does under attack; its argument says how."""

from __future__ import annotations

import sys
import time

from subscribers.limited_process import limit_this_process

if __name__ == "__main__":
    (how,) = limit_this_process(sys.argv[1:])
    out = sys.stdout
    out.write(sys.stdin.readline())
    out.flush()
    if how == "memory":
        out.write(str(len(b"x" * (1 << 30))))
    elif how == "time":
        while True:
            pass
    elif how == "silence":
        time.sleep(600)
    elif how == "line":
        out.write("x" * 3_000_000)
    elif how == "crash":
        sys.exit(1)
    out.write("\n")
