"""The cache on disk gives back what was put there, or nothing: whatever happens to its files, and whoever uses it."""

import errno
import io
import os
import stat
import subprocess
import sys
import time

import pytest

import irc
from irc.backend import compiler_identity as identity
from irc.backend import object_cache
from irc.backend.object_cache import ObjectCache, user_cache, user_directory
from irc.tools import irc as irc_command

posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are those of POSIX")


@pytest.fixture(autouse=True)
def known_compiler(monkeypatch):
    """The source may be changing while its tests run; then nothing would be kept."""
    monkeypatch.setattr(object_cache, "compiler_identity", lambda: "this one")


@pytest.fixture
def cache(tmp_path):
    return ObjectCache(tmp_path / "cache")


def only_file(cache):
    (path,) = cache.directory.iterdir()
    return path


def test_what_is_put_is_there_for_all_who_use_the_directory(cache):
    cache.put("a", b"code of a")
    cache.put("b", b"")
    assert ObjectCache(cache.directory).get("a") == b"code of a" and cache.get("b") == b""


def test_what_was_never_put_is_not_there(cache):
    cache.put("a", b"code of a")
    assert cache.get("b") is None


def test_the_last_content_of_a_key_counts(cache):
    cache.put("a", b"one")
    cache.put("a", b"another")
    assert cache.get("a") == b"another" and cache.size()[0] == 1


# -- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 50, -1])
def test_a_truncated_entry_is_removed_and_can_be_put_again(cache, length):
    cache.put("a", b"code of a")
    path = only_file(cache)
    path.write_bytes(path.read_bytes()[:length])
    assert cache.get("a") is None and not path.exists()
    cache.put("a", b"code of a")
    assert cache.get("a") == b"code of a"


def test_every_changed_byte_is_found(cache):
    cache.put("a", b"code of a")
    path = only_file(cache)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert cache.get("a") is None, place


def test_an_entry_with_something_behind_it_is_none(cache):
    cache.put("a", b"code of a")
    path = only_file(cache)
    path.write_bytes(path.read_bytes() + b"\0")
    assert cache.get("a") is None


def test_the_entry_of_another_key_is_none(cache):
    """A file that was renamed is whole, but it is not what was asked for."""
    cache.put("a", b"code of a")
    path = only_file(cache)
    cache.put("b", b"code of b")
    (other,) = set(cache.directory.iterdir()) - {path}
    other.replace(path)
    assert cache.get("a") is None and cache.get("b") is None


# -- whose it is ------------------------------------------------------------------------------------------------------


@posix
def test_the_directory_is_for_this_user_alone(cache):
    cache.put("a", b"code")
    assert stat.S_IMODE(cache.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(only_file(cache).stat().st_mode) == 0o600


@posix
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_directory_that_others_can_write_is_refused(tmp_path, mode):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(mode)
    with pytest.raises(irc.Error, match="other users can write there; try chmod go-w"):
        ObjectCache(tmp_path / "cache")


@posix
def test_a_directory_of_another_user_is_refused(tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: (tmp_path / "cache").stat().st_uid + 1)
    with pytest.raises(irc.Error, match="it belongs to another user"):
        ObjectCache(tmp_path / "cache")


@pytest.mark.parametrize("name", ["file", "file/below", "nul\0byte"])
def test_what_is_no_directory_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(irc.Error, match="cannot be a cache"):
        ObjectCache(tmp_path / name)


# -- where nothing can be kept ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((3,), "must be a path, not 3"), (("",), "must be a path, not ''"), (("kept", -1), "a number of bytes, not -1")],
)
def test_arguments_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(irc.Error, match=message):
        ObjectCache(*arguments)


def test_a_full_disk_keeps_nothing_and_leaves_nothing(cache, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("irc.files.os.replace", full)
    cache.put("a", b"code")
    assert cache.get("a") is None and not list(cache.directory.iterdir())


@posix
def test_a_read_only_directory_is_read(cache):
    cache.put("a", b"code of a")
    cache.directory.chmod(0o500)
    try:
        if os.access(cache.directory, os.W_OK):
            pytest.skip("this user may write everywhere")
        cache.put("b", b"code of b")
        assert cache.get("a") == b"code of a" and cache.get("b") is None
    finally:
        cache.directory.chmod(0o700)


def test_a_directory_that_went_away_has_no_entries(cache):
    cache.directory.rmdir()
    cache.put("a", b"code")
    assert cache.get("a") is None and cache.size() == (0, 0) and cache.clear() == 0


# -- how much ---------------------------------------------------------------------------------------------------------


def test_it_stays_within_its_limit_and_forgets_what_was_used_longest_ago(tmp_path):
    cache = ObjectCache(tmp_path / "cache", limit=40_000)
    for number in range(100):
        cache.put(str(number), bytes(1000))
        for path in cache.directory.iterdir():  # the clock of files is too coarse for this: they age by hand
            os.utime(path, (path.stat().st_mtime - 10,) * 2)
        assert cache.get("0") is not None  # in use
        assert cache.size()[1] <= 40_000 + 40_000 // 16
    assert cache.get("99") is not None and cache.get("1") is None


def test_what_would_fill_it_alone_is_not_kept(tmp_path):
    cache = ObjectCache(tmp_path / "cache", limit=1000)
    cache.put("a", bytes(500))
    assert cache.size() == (0, 0)


def test_files_of_killed_processes_go(tmp_path):
    cache = ObjectCache(tmp_path / "cache", limit=1000)
    name = "0" * 64
    old, new = cache.directory / f".{name}.irc.old", cache.directory / f".{name}.irc.new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 10_000,) * 2)
    cache.put("a", b"code")
    assert not old.exists() and new.exists()


def test_clearing_leaves_what_is_not_its_own(cache):
    cache.put("a", b"code")
    cache.put("b", b"code")
    foreign = [cache.directory / "notes.txt", cache.directory / ("0" * 64)]
    for path in foreign:
        path.write_text("")
    assert cache.clear() == 2 and set(cache.directory.iterdir()) == set(foreign)


# -- several processes ------------------------------------------------------------------------------------------------

WORK = """
import sys
from irc.backend import object_cache
object_cache.compiler_identity = lambda: "this one"
cache = object_cache.ObjectCache(sys.argv[1], limit=60_000)
for turn in range(200):
    key = str(turn * 7 % 13)
    wanted = key.encode() * 2000
    found = cache.get(key)
    assert found in (None, wanted), (key, len(found))
    cache.put(key, wanted)
    if turn % 50 == 25:
        cache.clear()
"""


def test_several_processes_never_see_half_an_entry(cache):
    processes = [subprocess.Popen([sys.executable, "-c", WORK, str(cache.directory)]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert cache.size()[1] <= 60_000 * 1.5
    assert all(path.suffix == ".irc" for path in cache.directory.iterdir())


# -- which compiler ---------------------------------------------------------------------------------------------------


def test_another_compiler_finds_nothing(cache, monkeypatch):
    cache.put("a", b"code")
    monkeypatch.setattr(object_cache, "compiler_identity", lambda: "another one")
    assert cache.get("a") is None


def test_a_compiler_that_is_unknown_neither_keeps_nor_finds(cache, monkeypatch):
    cache.put("a", b"code")
    monkeypatch.setattr(object_cache, "compiler_identity", lambda: None)
    cache.put("b", b"code")
    assert cache.get("a") is None and cache.get("b") is None and cache.size()[0] == 1


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Two files that are the compiler."""
    files = [tmp_path / "one.py", tmp_path / "two.py"]
    for path in files:
        path.write_text("x = 1\n")
    monkeypatch.setattr(identity, "_sources", lambda: [str(path) for path in files])
    monkeypatch.setattr(identity, "BEGIN", time.time() + 10)  # a process that began ten seconds later
    return files


def test_the_same_files_are_the_same_compiler(sources):
    known = identity.compiler_identity()
    assert known is not None and identity.compiler_identity() == known


def test_a_changed_file_is_another_compiler(sources):
    known = identity.compiler_identity()
    sources[0].write_text("x = 2\n")
    assert identity.compiler_identity() not in (None, known)


@posix
def test_a_change_that_hides_its_time_is_seen(sources):
    """An archive or ``rsync`` sets the time back, and the length may be the same."""
    known, before = identity.compiler_identity(), sources[0].stat()
    time.sleep(0.05)  # longer than a tick of the clock that files have
    sources[0].write_text("x = 2\n")
    os.utime(sources[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert identity.compiler_identity() not in (None, known)


@pytest.mark.parametrize("seconds", [-1, 1])
def test_files_that_changed_since_the_process_began_make_it_unknown(sources, monkeypatch, seconds):
    """Or so shortly before that they may have been read before."""
    monkeypatch.setattr(identity, "BEGIN", time.time() + seconds)
    assert identity.compiler_identity() is None


def test_a_file_that_is_gone_or_no_file_at_all_makes_it_unknown(sources, monkeypatch):
    sources[0].unlink()
    assert identity.compiler_identity() is None
    monkeypatch.setattr(identity, "_sources", list)
    assert identity.compiler_identity() is None


def test_all_files_of_the_compiler_count():
    names = {os.path.basename(path) for path in identity._sources()}
    assert {"jit.py", "plan_memory.py", "graph.py", "__init__.py"} <= names  # of irc, passes and frontends


def test_the_time_is_noted_before_other_files_are_read():
    """``BEGIN`` must lie before the first of them is imported: what changes afterwards may have been read before."""
    order = "import irc, sys; print([m for m in sys.modules if m.startswith('irc.')][:2])"
    shown = subprocess.run([sys.executable, "-c", order], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "['irc.backend', 'irc.backend.compiler_identity']"


# -- the user's own ---------------------------------------------------------------------------------------------------


def test_the_users_cache_is_where_xdg_says(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_directory() == tmp_path / "irc-compiler"
    assert user_cache() == ObjectCache(tmp_path / "irc-compiler")


@pytest.mark.parametrize("given", ["", "relative/path"])
@pytest.mark.parametrize(
    ("platform", "place"), [("linux", ".cache/irc-compiler"), ("darwin", "Library/Caches/irc-compiler")]
)
def test_else_it_is_where_the_system_has_its_caches(tmp_path, monkeypatch, given, platform, place):
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    assert user_directory() == tmp_path / place


def test_windows_has_it_beside_the_users_data(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert user_directory() == tmp_path / "irc-compiler" / "Cache"
    monkeypatch.setenv("LOCALAPPDATA", "")
    assert user_directory() is None


def test_tests_have_no_cache_of_the_user():
    assert user_cache() is None


def command(*argv):
    out, err = io.StringIO(), io.StringIO()
    code = irc_command.main(["cache", *argv], io.StringIO(), out, err)
    return code, out.getvalue(), err.getvalue()


def test_the_command_shows_the_users_cache_and_clears_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = user_cache()
    cache.put("a", b"code")
    size = only_file(cache).stat().st_size
    shown = f"{tmp_path / 'irc-compiler'}\n  entries: 1\n  bytes: {size} of at most {cache.limit}\n"
    assert command() == (0, shown, "")
    assert command("--clear") == (0, f"{tmp_path / 'irc-compiler'}\n  removed: 1\n", "")
    assert cache.size() == (0, 0)


def test_the_command_says_why_there_is_no_cache(tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = command("--directory", str(tmp_path / "file"))
    assert code == 1 and "cannot be a cache" in err
