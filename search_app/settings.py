"""One frozen `Settings`, the only reader of the environment and of `.env`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from search_app.errors import SettingsError

_ORIGINS = r"^\s*(https?://[^\s,/*]+/?\s*(,\s*|$))*$"
CollectionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


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
    qdrant_url: str = Field("", validation_alias="QDRANT_URL", pattern=r"^(https?://[^@]+)?$", repr=False)
    """A Qdrant server or cluster; empty means embedded Qdrant Edge. No login: it would not be used, and be told."""
    qdrant_api_key: str = Field("", validation_alias="QDRANT_API_KEY", repr=False)
    """Key of that server."""
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
    """Searches that wait for their turn before others are turned away; 0 is as many as run at once."""
    client_seconds: float = Field(20, validation_alias="SEARCH_CLIENT_SECONDS", gt=0, le=3600)
    """How long a client may take to send a request or to take the next part of an answer."""
    allowed_hosts: str = Field("", validation_alias="SEARCH_ALLOWED_HOSTS")
    """Names by which the service may be asked, between commas; empty is any."""
    allowed_origins: str = Field("", validation_alias="SEARCH_ALLOWED_ORIGINS", pattern=_ORIGINS)
    """Other sites whose pages may ask from a browser, between commas; empty is none."""

    @property
    def models_dir(self) -> Path:
        """Where the models trained here lie, a folder each."""
        return self.index_dir / "models"


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
        raise SettingsError(f"{known.validation_alias if known else field}{value}: {first['msg']}") from None
