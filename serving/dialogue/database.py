"""The sessions' database: SQLite or PostgreSQL by URL, brought to the newest schema when it is opened."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from configs.credentials import masked
from configs.errors import UserError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 30
MIGRATION_LOCK = 7_261_549_873
"""Of PostgreSQL's advisory locks; any fixed number does."""
WRITES = {"parlance_writes": True}

logging.getLogger("alembic").setLevel(logging.WARNING)


class Database:
    """Sessions that read, and sessions that write and commit when they end without an error.

    Raises UserError when the address is wrong or the database does not answer.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            parsed = make_url(url)
            if parsed.drivername == "postgresql":
                parsed = parsed.set(drivername="postgresql+psycopg")
            self.is_sqlite = parsed.get_backend_name() == "sqlite"
            self.file = Path(parsed.database) if self.is_sqlite and parsed.database else None
            if self.file:
                self.file.parent.mkdir(parents=True, exist_ok=True)
            self.engine: Engine = create_engine(parsed, pool_pre_ping=not self.is_sqlite)
        except (ArgumentError, ModuleNotFoundError) as error:
            raise UserError(
                f"serving.dialogue.database: {masked(url)}: {_line(error)}; give sqlite:///FILE or "
                "postgresql://USER@HOST/NAME"
            ) from None
        if self.is_sqlite:
            event.listen(self.engine, "connect", _configure)
            event.listen(self.engine, "begin", _begin)
        try:
            self._migrate()
        except SQLAlchemyError as error:
            raise UserError(
                f"serving.dialogue.database: {masked(url)} cannot be used ({_line(error)}); "
                "check the address, and that the database is there and may be written"
            ) from None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction. On SQLite it holds the write lock from its beginning, so it never fails for having read."""
        with Session(self.engine.execution_options(**WRITES), expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        self.engine.dispose()

    def scrub(self) -> None:
        """Leaves nothing of deleted rows in the files: SQLite's free pages and journal, PostgreSQL's dead rows."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("VACUUM")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            else:
                connection.exec_driver_sql("VACUUM FULL")

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self._one_migrates() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def _one_migrates(self) -> Iterator[Connection]:
        if self.file:
            with self.file.with_name(f".{self.file.name}.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                with self.engine.execution_options(**WRITES).begin() as connection:
                    yield connection
            return
        with self.engine.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            yield connection


def _configure(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin transactions of its own, and later than asked
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "secure_delete=ON", f"busy_timeout={BUSY_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        writes = connection.get_execution_options().get("parlance_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _line(error: Exception) -> str:
    cause = error.orig if isinstance(error, OperationalError) and error.orig else error
    return masked(str(cause).strip().splitlines()[0])[:200]
