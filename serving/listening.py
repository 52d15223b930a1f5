"""The socket that the server listens on."""

import socket

from configs.errors import UserError

BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises UserError when the address is taken or is none of this machine."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        raise UserError(
            f"serving.host and serving.port: {host}:{port} cannot be listened on ({error.strerror or error}); "
            "name another, or end what has it"
        ) from None
    found.setblocking(False)
    return found
