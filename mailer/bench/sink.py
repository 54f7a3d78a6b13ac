"""An SMTP server that accepts and discards everything, as cheaply as Python can: never the bottleneck.

 `python -m mailer.bench.sink PORT` serves on loopback
until it is ended. It offers PIPELINING, and does not parse messages: a message ends at its final dot.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys

_END = b"\r\n.\r\n"
# Octets read at once.
_BUFFER_BYTES = 1 << 20
# Octets from the end in which the final dot is searched; pipelined commands behind it are shorter.
_TAIL = 4096
_GREETING = b"220 sink ESMTP\r\n"
_HELLO = b"250-sink\r\n250-PIPELINING\r\n250-SIZE 0\r\n250 8BITMIME\r\n"
_OK = b"250 2.0.0 Ok\r\n"
_GO_ON = b"354 End with a lone dot\r\n"
_BYE = b"221 2.0.0 Bye\r\n"


class _Session:
    """One connection: commands until DATA, then a message until its dot."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._rest = b""
        self._in_message = False

    def feed(self, data: bytes) -> bytes:
        """The reply to received octets; the session ends after _BYE."""
        answers: list[bytes] = []
        data = self._rest + data
        while data:
            if self._in_message:
                at = data.rfind(_END, max(0, len(data) - _TAIL))
                if at < 0:
                    # Enough that the dot is found when it comes.
                    data = data[-_TAIL:]
                    break
                answers.append(_OK)
                data = data[at + len(_END) :]
                self._in_message = False
                continue
            line, end, after = data.partition(b"\r\n")
            if not end:
                break
            data = after
            verb = line[:4].upper()
            if verb == b"QUIT":
                return _BYE
            if verb == b"DATA":
                self._in_message = True
                # An empty message is a lone dot.
                data = b"\r\n" + data if data else data
                answers.append(_GO_ON)
            else:
                answers.append(_HELLO if verb == b"EHLO" else _OK)
        self._rest = data
        return b"".join(answers)


def serve(listener: socket.socket) -> None:
    """Serve until the process is ended."""
    poll = select.epoll()
    listener.setblocking(False)
    poll.register(listener, select.EPOLLIN)
    sessions: dict[int, _Session] = {}
    buffer = bytearray(_BUFFER_BYTES)
    view = memoryview(buffer)
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                connection, _ = listener.accept()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
                connection.sendall(_GREETING)
                connection.setblocking(False)
                sessions[connection.fileno()] = _Session(connection)
                poll.register(connection, select.EPOLLIN)
                continue
            session = sessions[number]
            answer = _BYE
            with contextlib.suppress(OSError):
                count = session.connection.recv_into(buffer)
                answer = session.feed(bytes(view[:count])) if count else _BYE
                if answer:
                    session.connection.send(answer)
            if answer is _BYE:
                del sessions[number]
                session.connection.close()


def main() -> None:
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256) as listener:
        serve(listener)


if __name__ == "__main__":
    main()
