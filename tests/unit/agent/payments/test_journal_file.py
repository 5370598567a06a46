"""Opening the journal's file: what is refused, with which words, and that nothing was changed then."""

import fcntl
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from agent.payments import journal_file
from agent.payments.errors import JournalError, JournalLockedError, JournalVersionError
from agent.payments.journal_file import APPLICATION_ID, JournalFile, explain, schema_steps, take_lock
from tests.unit.agent.payments.sales import raw, rows

NOBODY = 65534


def make(path: Path) -> Path:
    JournalFile(path).close()
    return path


def edit(path: Path, sql: str) -> None:
    with raw(path) as connection:
        connection.executescript(sql)


def test_a_new_journal_is_safe_from_the_first_commit_on(tmp_path: Path) -> None:
    with closing(JournalFile(tmp_path / "j.db")) as file:
        for pragma, value in [
            ("journal_mode", "wal"),
            ("synchronous", 2),  # FULL
            ("foreign_keys", 1),
            ("recursive_triggers", 1),
            ("user_version", len(schema_steps())),
            ("application_id", APPLICATION_ID),
        ]:
            assert file.writer.execute(f"PRAGMA {pragma}").fetchone() == (value,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            file.reader.execute("DELETE FROM event")
    for name in ("j.db", "j.db.lock"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_closing_twice_is_fine_and_frees_the_journal(tmp_path: Path) -> None:
    file = JournalFile(tmp_path / "j.db")
    file.close()
    file.close()
    make(tmp_path / "j.db")


@pytest.mark.parametrize("name", ["a b?c=d#e%41.db", "öäü.db", "-wal", "file:x", ":memory:", "x\udcff.db"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    with closing(JournalFile(tmp_path / name)) as file:
        assert file.reader.execute("SELECT count(*) FROM event").fetchone() == (0,)
    assert (tmp_path / name).stat().st_size > 0


def test_a_relative_path_stays_the_same_file_wherever_we_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(JournalFile(Path("j.db"))) as file:
        assert file.path == tmp_path / "j.db"


def test_two_gateways_on_one_journal_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with (
        closing(JournalFile(path)),
        pytest.raises(JournalLockedError, match=r"another gateway uses the journal .*j\.db"),
    ):
        JournalFile(path)
    make(path)


@pytest.mark.real_time
def test_another_process_is_refused_and_a_killed_one_frees_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    script = (
        "import sys; from pathlib import Path; from agent.payments.journal_file import JournalFile\n"
        "file = JournalFile(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(JournalLockedError):
            JournalFile(path)
        other.kill()
        other.wait()
        make(path)


def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(_lock: int, _operation: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(JournalError, match="Function not implemented; use a local file system"):
        take_lock(tmp_path / "j.db")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"No such file.*the folder .*/gone must exist"):
        JournalFile(tmp_path / "gone" / "j.db")


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "j.db").mkdir()
    with pytest.raises(JournalError, match=r"j\.db cannot be opened|cannot open the journal"):
        JournalFile(tmp_path / "j.db")


def test_a_link_to_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "j.db").symlink_to(tmp_path / "gone" / "j.db")
    with pytest.raises(JournalError, match=r"cannot open the journal .*j\.db: No such file"):
        JournalFile(tmp_path / "j.db")


def test_when_sqlite_cannot_open_it_the_lock_is_freed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", broken)
        with pytest.raises(JournalError, match="unable to open database file"):
            JournalFile(tmp_path / "j.db")
    make(tmp_path / "j.db")


def test_a_newer_journal_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = make(tmp_path / "j.db")
    edit(path, "PRAGMA user_version = 999")
    before = path.read_bytes()
    with pytest.raises(
        JournalVersionError, match=r"has schema 999, this gateway knows \d+; install the newer"
    ):
        JournalFile(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "sql", ["CREATE TABLE t (x)", "PRAGMA user_version = 3", "PRAGMA application_id = 7"]
)
def test_the_file_of_another_program_is_refused_and_left_alone(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "other.db"
    edit(path, sql)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="database of another program"):
        JournalFile(path)
    assert path.read_bytes() == before


def test_what_is_no_database_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    path.write_bytes(b"no database at all " * 100)
    with pytest.raises(JournalError, match=r"is damaged or no journal .*; keep the file"):
        JournalFile(path)
    with pytest.raises(JournalError, match="damaged"):  # not locked: the first try let go
        JournalFile(path)


@pytest.mark.parametrize("empty", [True, False])
def test_a_log_without_its_database_is_not_thrown_away(tmp_path: Path, empty: bool) -> None:
    path = tmp_path / "j.db"
    log = tmp_path / "j.db-wal"
    log.write_bytes(b"the last sales")
    if empty:
        path.touch()
    with pytest.raises(JournalError, match="put the file back beside its log"):
        JournalFile(path)
    assert log.read_bytes() == b"the last sales"


def test_an_empty_file_becomes_a_journal(tmp_path: Path) -> None:
    (tmp_path / "j.db").touch()
    make(tmp_path / "j.db")


def test_without_a_write_ahead_log_there_is_no_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoLog(sqlite3.Connection):
        """As on a file system without shared memory: the mode stays what it was."""

        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            return super().execute("PRAGMA journal_mode" if sql.startswith("PRAGMA journal_mode") else sql)

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, **k, factory=NoLog))
    with pytest.raises(JournalError, match=r"write-ahead log \(mode delete\); use a local file system"):
        JournalFile(tmp_path / "j.db")


def test_a_step_that_fails_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "j.db")
    first = schema_steps()
    for broken in ("CREATE TABLE extra (x); SYNTAX ERROR;", "CREATE TABLE extra (x); COMMIT; SYNTAX ERROR;"):
        monkeypatch.setattr(journal_file, "schema_steps", lambda step=broken: [*first, step])
        with pytest.raises(JournalError, match="syntax error"):
            JournalFile(path)
        assert rows(path, "PRAGMA user_version") == [(len(first),)]
    monkeypatch.setattr(journal_file, "schema_steps", lambda: [*first, "CREATE TABLE more (x);"])
    make(path)
    assert rows(path, "PRAGMA user_version") == [(len(first) + 1,)]


@contextmanager
def not_almighty() -> Iterator[Path]:
    """A folder, and an ordinary user: root may write everywhere."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = os.geteuid()
        if before == 0:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            folder.chmod(0o700)
            os.seteuid(before)


def test_a_read_only_journal_is_refused_before_the_first_sale(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = schema_steps()
    monkeypatch.setattr(journal_file, "schema_steps", lambda: steps)  # the sources may be hidden from nobody
    with not_almighty() as folder:
        path = make(folder / "j.db")
        path.chmod(0o400)
        with pytest.raises(
            JournalError, match=r"j\.db is read-only .*; check its owner, its mode and the mount"
        ):
            JournalFile(path)
        path.chmod(0)
        with pytest.raises(
            JournalError, match=r"cannot open the journal .*: Permission denied; check its owner"
        ):
            JournalFile(path)


def test_a_read_only_folder_is_refused() -> None:
    with not_almighty() as folder:
        folder.chmod(0o500)
        with pytest.raises(
            JournalError, match=r"Permission denied; the folder .* must exist and be writable"
        ):
            JournalFile(folder / "j.db")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_READONLY_DBMOVED, "read-only"),
        (sqlite3.SQLITE_PERM, "read-only"),
        (sqlite3.SQLITE_FULL, "free space on its disk; nothing was stored"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "is damaged"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "being written by another program"),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, "check its folder"),
        (sqlite3.SQLITE_IOERR_FSYNC, "a restart shows whether the last change is stored"),
        (sqlite3.SQLITE_NOMEM, "cannot be used"),
    ],
)
def test_every_code_of_sqlite_has_a_meaning_and_a_remedy(code: int, words: str) -> None:
    error = sqlite3.OperationalError("what SQLite said")
    error.sqlite_errorcode = code
    text = explain(Path("/j.db"), error)
    assert words in text
    assert text.startswith("the journal /j.db ")
    assert "what SQLite said" in text
