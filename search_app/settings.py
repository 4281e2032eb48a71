"""One frozen `Settings`, the only reader of the environment and of `.env`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from search_app.errors import SettingsError

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
    qdrant_url: str = Field("", validation_alias="QDRANT_URL", pattern=r"^(https?://.+)?$")
    """A Qdrant server or cluster; empty means embedded Qdrant Edge."""
    qdrant_api_key: str = Field("", validation_alias="QDRANT_API_KEY", repr=False)
    """Key of that server."""
    max_pixels: int = Field(178_956_970, validation_alias="SEARCH_MAX_PIXELS", ge=1)
    """Pictures with more pixels than this are refused; Pillow's own limit for decompression bombs."""
    max_limit: int = Field(1000, validation_alias="SEARCH_MAX_LIMIT", ge=1, le=10_000)
    """Most hits one request may ask for."""
    workers: int = Field(0, validation_alias="SEARCH_WORKERS", ge=0, le=256)
    """Threads that decode pictures while indexing; 0 means one for each core."""
    words: Literal["on", "off"] = Field("on", validation_alias="SEARCH_WORDS")
    """Whether `index` reads the words printed in pictures, after the pictures themselves."""
    fetch_urls: Literal["on", "off"] = Field("off", validation_alias="SEARCH_FETCH_URLS")
    """Whether the service fetches pictures that a query names by their address on the internet."""

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
        alias = Settings.model_fields[field].validation_alias if field in Settings.model_fields else field
        raise SettingsError(f"{alias}={first['input']!r}: {first['msg']}") from None
