"""Where a Qdrant server is, and what must never be told about it."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from search_app.errors import SettingsError

HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Address:
    """URL and key of a server; as text it is the URL without what may be secret in it."""

    url: str = field(repr=False)
    api_key: str = field(default="", repr=False)

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}{parts.path}" if host else self.url

    def check(self) -> None:
        """Raise `SettingsError` for what no request can be made of."""
        try:
            port = urlsplit(self.url).port
        except ValueError as error:
            raise SettingsError(f"QDRANT_URL={self}: {self.without_secrets(str(error))}") from None
        if port == 0:
            raise SettingsError(f"QDRANT_URL={self}: there is no port 0")
        if not (self.api_key.isascii() and all(" " < character <= "~" for character in self.api_key)):
            raise SettingsError(
                "QDRANT_API_KEY holds blanks, line breaks or letters that are not ASCII, which no key does: "
                "copy it again"
            )

    def without_secrets(self, text: str) -> str:
        """The text in which keys and passwords are not to be read."""
        parts = urlsplit(self.url)
        login = parts.netloc.rpartition("@")[0]
        secrets = {self.api_key, login, parts.query, *map(unquote, login.split(":"))} - {""}
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text
