"""Whether a server and the client that is installed here were made for each other."""

from importlib.metadata import version

from qdrant_client.common.version_check import is_compatible


def client_version() -> str:
    """Of `qdrant-client`."""
    return version("qdrant-client")


def skew(server: str) -> str:
    """What is wrong with a server's version, and what to do; empty where nothing is, by the client's own rule."""
    client = client_version()
    if is_compatible(client, server):
        return ""
    minor = ".".join(server.split(".")[:2])
    return (
        f"it is Qdrant {server}, but qdrant-client {client} is made for the same major version and at most one minor "
        f"version away: upgrade the server, or install qdrant-client=={minor}.*"
    )
