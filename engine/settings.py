"""The settings, from PASSATION_* variables or a caller, and the data folder that they name."""

import json
import os
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from engine.errors import BadInput

#: What an issuer may sign with: keys whose other half stays with it.
TokenAlgorithm = Literal["RS256", "PS256", "ES256", "ES384", "Ed25519"]
Language = Literal["fr", "en"]

_OWNER_ONLY: Final = 0o700


class Ports(BaseModel):
    """The loopback ports of an embedded Temporal server: gRPC, HTTP, and the Web UI where there is one."""

    model_config = ConfigDict(frozen=True)

    grpc: int
    http: int
    ui: int | None = None


class Running(BaseModel):
    """What `run.json` says about the embedded server and its worker; without pids, what ran here last."""

    model_config = ConfigDict(frozen=True)

    ports: Ports
    namespace: str = "default"
    #: Where the pages and the interface are, if they are.
    web: int | None = None
    supervisor_pid: int | None = None
    server_pid: int | None = None
    worker_pid: int | None = None
    web_pid: int | None = None

    @property
    def address(self) -> str:
        """Give the address that clients connect to."""
        return f"127.0.0.1:{self.ports.grpc}"

    @property
    def web_url(self) -> str | None:
        """Give the address of the pages and of the interface, where they run."""
        return None if self.web is None else f"http://127.0.0.1:{self.web}"

    @property
    def ui_url(self) -> str | None:
        """Give the address of the Web UI, where there is one."""
        return None if self.ports.ui is None else f"http://127.0.0.1:{self.ports.ui}"


class Settings(BaseSettings):
    """Where the data is, which Temporal server is used, which language is spoken."""

    model_config = SettingsConfigDict(env_prefix="PASSATION_", frozen=True)

    #: The data folder.
    data: Path = Path("passation-data")
    #: A PostgreSQL database, as a URL, instead of the file in the data folder; it may hold a password.
    database: SecretStr | None = None
    #: The folder of the keys that sign receipts, where it is not `keys` in the data folder; several machines
    #: share it, or have copies of it.
    keys: Path | None = None
    #: ``None``: whoever shows a sentence decides.
    language: Language | None = None
    #: A server other than the one of the data folder; goes before TEMPORAL_ADDRESS.
    temporal_address: str | None = None
    #: Goes before TEMPORAL_NAMESPACE; Temporal's own default is "default".
    temporal_namespace: str | None = None
    #: The mail server, such as ``smtp://user:password@host:587``; without one, mail goes to a folder.
    smtp: SecretStr | None = None
    #: The address that every message comes from, under the organization's name.
    mail_from: str = "passation@localhost"
    #: How many messages a mail server is given in a second at most.
    mail_rate: float = Field(default=10.0, gt=0)
    #: Where people open pages, such as ``https://passation.example``; without it messages have no links.
    address: str | None = None
    #: Where `passation web` listens.
    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8080, ge=1, le=65535)
    #: The OpenID Connect issuer that says who speaks; one, whose subjects members are linked to.
    issuer: str | None = None
    #: The one algorithm that it signs with; a token that names another is refused.
    issuer_algorithm: TokenAlgorithm = "RS256"
    #: What the issuer calls the console, and the secret that it gave it, if any.
    client_id: str = "passation-console"
    client_secret: SecretStr | None = None
    #: The audience of tokens for the interface.
    audience: str = "passation"
    #: The `temporal` command that runs the embedded server, where it is not the one on the PATH.
    temporal_cli: Path | None = None
    #: How many records of a bulk are being asked for at once; more takes processor time from single ones.
    bulk_in_flight: int = Field(default=8, ge=1, le=100)

    @field_validator("data", "keys")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("database")
    @classmethod
    def _of_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
            raise ValueError("a URL such as postgresql://user@host/database")
        return value

    @field_validator("issuer")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if not value:
            return None
        parts = urlsplit(value)
        near = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        if not parts.hostname or parts.scheme not in ({"https", "http"} if near else {"https"}):
            raise ValueError("a URL such as https://id.example; http on this machine only")
        return value

    @model_validator(mode="after")
    def _audiences_differ(self) -> Self:
        """Keep the two kinds of token apart: a sign-in is no access to the interface."""
        if self.audience == self.client_id:
            raise ValueError("the audience and the client id are the same")
        return self

    @classmethod
    def load(cls, *, data: Path | None = None, language: Language | None = None) -> Self:
        """Read the environment, under what the caller gives. Raises ``BadInput`` with the setting's name."""
        given: dict[str, Any] = {"data": data, "language": language}
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            name = ".".join(str(part) for part in error.errors()[0]["loc"]) or "audience"
            raise BadInput("setting", name=name) from None

    @property
    def database_file(self) -> Path:
        """The application's database, where it is a file: the truth."""
        return self.data / "passation.db"

    @property
    def keys_folder(self) -> Path:
        """Where the keys that sign receipts are."""
        return self.keys or self.data / "keys"

    @property
    def temporal_file(self) -> Path:
        """The embedded Temporal server's own store; it can be lost without losing a transfer."""
        return self.data / "temporal.db"

    @property
    def mail_folder(self) -> Path:
        """Where mail goes that no mail server is named for: one file a message."""
        return self.data / "mail"

    @property
    def run_file(self) -> Path:
        """What runs on this folder, and the ports that it used."""
        return self.data / "run.json"

    @property
    def lock_file(self) -> Path:
        """Held by the one that runs the server and worker of this folder."""
        return self.data / "dev.lock"

    @property
    def server_log(self) -> Path:
        """What the embedded server says."""
        return self.data / "server.log"

    @property
    def worker_log(self) -> Path:
        """What the embedded worker says."""
        return self.data / "worker.log"

    @property
    def web_log(self) -> Path:
        """What the pages and the interface say."""
        return self.data / "web.log"

    @property
    def issuer_key(self) -> Path:
        """The key of the folder's own issuer, which is for trying things out."""
        return self.data / "issuer.pem"

    def make_folder(self) -> None:
        """Create the data folder, for its owner only."""
        self.data.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)

    def last_run(self) -> Running | None:
        """Read `run.json`; ``None`` when there is none, or none that can be read."""
        try:
            return Running.model_validate_json(self.run_file.read_bytes())
        except (OSError, ValidationError):
            return None

    def running(self) -> Running | None:
        """Give what runs on this folder now; ``None`` when its supervisor is gone."""
        last = self.last_run()
        if last is None or last.supervisor_pid is None or not _is_alive(last.supervisor_pid):
            return None
        return last

    def write_run(self, run: Running) -> None:
        """Write `run.json` at once: a reader sees the old one or the new one."""
        described = {"address": run.address, "ui_url": run.ui_url, "web_url": run.web_url, **run.model_dump()}
        draft = self.run_file.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
        draft.replace(self.run_file)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
