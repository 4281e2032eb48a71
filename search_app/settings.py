"""One frozen `Settings`, the only reader of the environment and of `.env`."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from search_app.datatypes import COLLECTION_NAME
from search_app.errors import SettingsError

_ORIGINS = r"^\s*(https?://[^\s,/*]+/?\s*(,\s*|$))*$"
CollectionName = Annotated[str, StringConstraints(pattern=f"^{COLLECTION_NAME}$")]


def _networks(text: str) -> str:
    """Addresses and networks between commas, tidied; raises `ValueError` for what is neither."""
    named = [ip_network(one.strip(), strict=False) for one in text.split(",") if one.strip()]
    for network in named:
        if network.prefixlen == 0:
            raise ValueError(f"{network} is everybody: whoever asks could give any address for his own")
    return ",".join(map(str, named))


Networks = Annotated[str, AfterValidator(_networks)]


class Settings(BaseSettings):
    """What the product can be told from outside; every field has a safe default."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", frozen=True, extra="ignore", populate_by_name=True
    )

    model: str = Field("ViT-B-32/openai", validation_alias="SEARCH_MODEL", min_length=1)
    """Encoder: `ARCH/TAG` or `ARCH/path/to/checkpoint` of open_clip, `onnx:FOLDER`, `lite`, or a model trained here."""
    device: Literal["auto", "cpu", "cuda"] = Field("auto", validation_alias="SEARCH_DEVICE")
    """Where the encoder runs; `auto` takes CUDA where there is one."""
    data_dir: Path = Field(Path("data"), validation_alias="SEARCH_DATA_DIR")
    """Folder of images that is indexed when no FOLDER is given, and where `load_data.sh` puts the ads."""
    index_dir: Path = Field(Path("qdrant_storage"), validation_alias="SEARCH_INDEX_DIR")
    """Where embedded indexes, models and thumbnails live."""
    collection: CollectionName = Field("images", validation_alias="SEARCH_COLLECTION")
    """Name of the collection that is indexed and searched."""
    open_collections: int = Field(8, validation_alias="SEARCH_OPEN_COLLECTIONS", ge=1, le=1_000)
    """Collections that the service has open at the same time; who was asked longest ago makes room."""
    idle_seconds: float = Field(600, validation_alias="SEARCH_IDLE_SECONDS", gt=0, le=31_536_000)
    """Collections and models that nobody asked for so long are closed until the next request; the own one never is."""
    qdrant_url: str = Field("", validation_alias="QDRANT_URL", pattern=r"^(https?://[^@]+)?$", repr=False)
    """A Qdrant server or cluster; empty means embedded Qdrant Edge. No login: it would not be used, and be told."""
    qdrant_api_key: str = Field("", validation_alias="QDRANT_API_KEY", repr=False)
    """Key of that server."""
    profile: str = Field("default", validation_alias="SEARCH_PROFILE", min_length=1)
    """How collections are made and asked: a built-in profile by name, or a TOML file."""
    max_pixels: int = Field(178_956_970, validation_alias="SEARCH_MAX_PIXELS", ge=1)
    """Pictures with more pixels than this are refused; Pillow's own limit for decompression bombs."""
    max_limit: int = Field(1000, validation_alias="SEARCH_MAX_LIMIT", ge=1, le=10_000)
    """Most hits one request may ask for."""
    workers: int = Field(0, validation_alias="SEARCH_WORKERS", ge=0, le=256)
    """Threads that decode pictures while indexing; 0 means one for each core."""
    model_seconds: float = Field(30, validation_alias="SEARCH_MODEL_SECONDS", gt=0, le=3600)
    """Seconds the model may take for a query before it counts as stuck and is replaced by a fresh one."""
    words: Literal["on", "off"] = Field("on", validation_alias="SEARCH_WORDS")
    """Whether `index` reads the words printed in pictures, after the pictures themselves."""
    writes: Literal["on", "off"] = Field("on", validation_alias="SEARCH_WRITES")
    """Whether the service adds and removes pictures of the indexed folder when it is asked to."""
    fetch_urls: Literal["on", "off"] = Field("off", validation_alias="SEARCH_FETCH_URLS")
    """Whether the service fetches pictures that a query names by their address on the internet."""
    api_keys: str = Field("", validation_alias="SEARCH_API_KEYS", repr=False)
    """Keys that the service asks for, as `keys new` prints them, between commas; empty and no file: nobody is asked."""
    api_keys_file: str = Field("", validation_alias="SEARCH_API_KEYS_FILE")
    """A file of such keys, one a line, read again whenever it changes."""
    rate_limit: int = Field(0, validation_alias="SEARCH_RATE_LIMIT", ge=0, le=1_000_000)
    """Requests a minute of one key, or of one address where no key is asked for; 0 is no limit."""
    max_waiting: int = Field(0, validation_alias="SEARCH_MAX_WAITING", ge=0, le=10_000)
    """Searches that wait for their turn before others are turned away; 0 is twice as many as run at once."""
    client_seconds: float = Field(20, validation_alias="SEARCH_CLIENT_SECONDS", gt=0, le=3600)
    """How long a client may take to send a request or to take the next part of an answer."""
    trusted_proxies: Networks = Field("", validation_alias="SEARCH_TRUSTED_PROXIES")
    """Addresses or networks, between commas, whose word is taken for who asks (`X-Forwarded-For`) and over what."""
    allowed_hosts: str = Field("", validation_alias="SEARCH_ALLOWED_HOSTS")
    """Names by which the service may be asked, between commas; empty is any."""
    allowed_origins: str = Field("", validation_alias="SEARCH_ALLOWED_ORIGINS", pattern=_ORIGINS)
    """Other sites whose pages may ask from a browser, between commas; empty is none."""
    log_format: Literal["plain", "json"] = Field("plain", validation_alias="SEARCH_LOG_FORMAT")
    """Whether the service's log has lines for people or JSON lines for programs."""
    log_queries: Literal["on", "off"] = Field("off", validation_alias="SEARCH_LOG_QUERIES")
    """Whether the log of requests has what was searched for."""
    otel: Literal["on", "off"] = Field("off", validation_alias="SEARCH_OTEL")
    """Whether the service sends traces by OpenTelemetry; where to is told by the variables of that, `OTEL_*`."""

    @property
    def models_dir(self) -> Path:
        """Where the models trained here lie, a folder each."""
        return self.index_dir / "models"


_PLACES = ("api_keys_file", "profile")
"""Settings that are texts and may name a file."""


def told(settings: Settings) -> dict[str, str | int | float | bool]:
    """Every setting by its variable, for whoever asks what runs here; of a secret only whether it is set.

    Of a place on this machine the name alone: where it lies is nobody's business.
    """
    values = {}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if not field.repr:
            value = "set" if value else "unset"
        elif isinstance(value, Path) or name in _PLACES:
            value = Path(value).name
        elif not isinstance(value, str | int | float):
            value = str(value)
        values[str(field.validation_alias)] = value
    return values


def load_settings(**overrides: object) -> Settings:
    """Read environment and `.env`; `overrides` (by field name) win, `None` ones are ignored.

    Raises `SettingsError` naming the variable, what it was and what it accepts.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        known = Settings.model_fields.get(field)
        value = f"={first['input']!r}" if known is None or known.repr else ""  # a secret is not repeated
        reason = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{known.validation_alias if known else field}{value}: {reason}") from None
