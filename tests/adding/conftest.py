"""The application over a folder that may be changed, on every back end."""

from tests.index.conftest import make_store

__all__ = ["make_store"]
