"""The repair, on a small library that has the published ones' flaws, and on what is installed."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from click.testing import CliRunner

from huberflow.installation import glibc, old_glibc, remedies
from huberflow.pipeline.cli.main import cli

# Imports of the published libraries: the symbol, its version, and the library that exports it.
# The stubs exist for the linker only; at run time the system's own libraries answer.
STUBS = {
    "libc.so.6": {"GLIBC_2.2.5": ("abs",), "GLIBC_2.38": ("__isoc23_strtol", "__isoc23_strtoul")},
    "libstdc++.so.6": {
        "GLIBCXX_3.4": ("_ZSt9terminatev",),
        "GLIBCXX_3.4.32": ("_ZSt21ios_base_library_initv",),
        "CXXABI_1.3.15": ("__cxa_call_terminate",),
    },
}
SOURCE = """
long __isoc23_strtol(const char *, char **, int);
unsigned long __isoc23_strtoul(const char *, char **, int);
int abs(int);
void _ZSt9terminatev(void);
void _ZSt21ios_base_library_initv(void);
void __cxa_call_terminate(void *);

long signed_sum(const char *a, const char *b) {
  return __isoc23_strtol(a, 0, 10) + abs(__isoc23_strtol(b, 0, 10));
}
unsigned long unsigned_value(const char *text) { return __isoc23_strtoul(text, 0, 16); }
void never_called(void) {
  _ZSt9terminatev();
  _ZSt21ios_base_library_initv();
  __cxa_call_terminate(0);
}
"""
USE = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1], mode=2)  # RTLD_NOW: every symbol is looked up
library.unsigned_value.restype = ctypes.c_ulong
print(library.signed_sum(b"40", b"-2"), library.unsigned_value(b"ff"))
"""

needs_linux = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64") or shutil.which("gcc") is None,
    reason="builds an ELF library for x86_64 with gcc",
)


def build_stub(folder: Path, name: str, versions: dict[str, tuple[str, ...]]) -> Path:
    symbols = [symbol for group in versions.values() for symbol in group]
    source, script, stub = folder / f"{name}.c", folder / f"{name}.map", folder / name
    source.write_text("".join(f"void {symbol}(void) {{}}\n" for symbol in symbols))
    script.write_text(
        "".join(f"{version} {{ {'; '.join(group)}; }};\n" for version, group in versions.items())
    )
    compile_shared(stub, source, f"-Wl,-soname,{name}", f"-Wl,--version-script,{script}")
    return stub


def compile_shared(library: Path, *arguments: str | Path) -> None:
    command = ["gcc", "-w", "-fno-builtin", "-nostdlib", "-shared", "-fPIC", "-o", library]
    subprocess.run([*command, *arguments], check=True)


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """A library that asks for glibc 2.38 and GCC 14, as the published ones do."""
    folder = tmp_path_factory.mktemp("published")
    stubs = [build_stub(folder, name, versions) for name, versions in STUBS.items()]
    source, library = folder / "extension.c", folder / "extension.so"
    source.write_text(SOURCE)
    compile_shared(library, source, *stubs)
    return library


@pytest.fixture(scope="module")
def known(published, tmp_path_factory) -> dict[str, str]:
    copy = old_glibc.repaired_copy(published, tmp_path_factory.mktemp("expected"))
    return {old_glibc._sha256(published): old_glibc._sha256(copy)}


@pytest.fixture
def library(published, tmp_path) -> Path:
    """A fresh copy, alone in its folder."""
    folder = tmp_path / "site"
    folder.mkdir()
    return Path(shutil.copy2(published, folder / published.name))


def use(library: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", USE, library], capture_output=True, text=True)


@needs_linux
class TestRepair:
    @pytest.mark.skipif((glibc.version() or (2, 38)) >= (2, 38), reason="this glibc has GLIBC_2.38")
    def test_published_library_does_not_load_here(self, library):
        done = use(library)
        assert done.returncode != 0
        assert "not found" in done.stderr
        assert any(version in done.stderr for version in old_glibc.TOO_NEW)

    def test_repaired_library_loads_and_works(self, library, known):
        assert old_glibc.repair(library, known)
        done = use(library)
        assert (done.stdout, done.stderr) == ("42 255\n", "")

    def test_nothing_too_new_is_imported_after_the_repair(self, library, known):
        assert set(old_glibc.RENAMED) & set(old_glibc._imported_symbols(library.read_bytes()))
        old_glibc.repair(library, known)
        imported = set(old_glibc._imported_symbols(library.read_bytes()))
        assert imported >= {"strtol", "strtoul", "_ZSt9terminatev"}
        assert not set(old_glibc.RENAMED) & imported

    def test_second_repair_changes_nothing(self, library, known):
        library.chmod(0o750)
        old_glibc.repair(library, known)
        once, time = library.read_bytes(), library.stat().st_mtime_ns
        assert not old_glibc.repair(library, known)
        assert (library.read_bytes(), library.stat().st_mtime_ns) == (once, time)
        assert library.stat().st_mode & 0o777 == 0o750

    def test_hard_link_in_the_cache_stays_as_published(self, library, known, tmp_path, published):
        cached = tmp_path / "cached.so"
        os.link(library, cached)
        old_glibc.repair(library, known)
        assert cached.read_bytes() == published.read_bytes()
        assert library.read_bytes() != published.read_bytes()

    def test_unknown_file_is_refused_and_untouched(self, library, known):
        library.write_bytes(library.read_bytes() + b"another build")
        before = library.read_bytes()
        with pytest.raises(old_glibc.RepairError) as refusal:
            old_glibc.repair(library, known)
        message = str(refusal.value)
        assert "extension.so is not the file of the published wheel" in message
        assert f"expected SHA-256 {next(iter(known))[:12]}" in message
        assert f"received {old_glibc._sha256(library)[:12]}" in message
        assert message.endswith(f"reinstall with: {remedies.reinstall(*old_glibc.RELEASES)}")
        assert library.read_bytes() == before

    def test_untested_result_is_refused_and_leaves_nothing(self, library, known, published):
        (before,) = known
        with pytest.raises(old_glibc.RepairError, match=r"an untested file.*patchelf 0\.19\.3"):
            old_glibc.repair(library, {before: "0" * 64})
        assert library.read_bytes() == published.read_bytes()
        assert list(library.parent.iterdir()) == [library]

    def test_missing_patchelf_is_named(self, library, known, monkeypatch):
        monkeypatch.setattr(old_glibc.shutil, "which", lambda *args, **kwargs: None)
        with pytest.raises(old_glibc.RepairError, match=r"no patchelf: expected version 0\.19\.3"):
            old_glibc.repair(library, known)
        assert list(library.parent.iterdir()) == [library]

    def test_failing_patchelf_is_quoted(self, library):
        library.write_bytes(b"\x7fELF, but no library")
        with pytest.raises(old_glibc.RepairError, match="expected exit status 0, received 1"):
            old_glibc._patchelf("--print-soname", str(library))

    def test_state(self, library, known):
        assert old_glibc.state(library, known) == "as published"
        old_glibc.repair(library, known)
        assert old_glibc.state(library, known) == "repaired"
        library.write_bytes(b"")
        assert old_glibc.state(library, known) == "unknown"
        library.unlink()
        assert old_glibc.state(library, known) == "missing"


@needs_linux
@pytest.mark.parametrize("name", old_glibc.REPAIRED_HASHES)
def test_installed_library_has_a_hash_of_the_repair(name):
    installed = Path(sysconfig.get_path("platlib")) / name
    expected = "repaired" if glibc.needs_repair(glibc.version()) else "as published"
    assert old_glibc.state(installed, old_glibc.REPAIRED_HASHES[name]) == expected


@pytest.mark.parametrize(
    ("found", "needed"),
    [
        (None, False),
        ((2, 33), False),
        ((2, 34), True),
        ((2, 36), True),
        ((2, 38), True),
        ((2, 39), False),
        ((2, 41), False),
    ],
)
def test_is_needed(found, needed):
    assert glibc.needs_repair(found) is needed


@pytest.mark.parametrize(
    ("reported", "expected"),
    [(("glibc", "2.36"), (2, 36)), (("glibc", "2.36.9000"), (2, 36)), (("", ""), None)],
)
def test_glibc_version(monkeypatch, reported, expected):
    monkeypatch.setattr(platform, "libc_ver", lambda: reported)
    assert glibc.version() == expected


class TestRepairInstalled:
    @pytest.fixture(autouse=True)
    def repairs(self, monkeypatch):
        """The names of the files that are repaired."""
        names: list[str] = []
        monkeypatch.setattr(old_glibc, "repair", lambda path, known: not names.append(path.name))
        return names

    @pytest.mark.parametrize("found", [None, (2, 33), (2, 39), (2, 41)])
    def test_does_nothing_where_no_repair_is_needed(self, monkeypatch, repairs, found):
        monkeypatch.setattr(glibc, "version", lambda: found)
        assert old_glibc.repair_installed() == []
        assert repairs == []

    def test_repairs_both_and_says_so(self, monkeypatch, repairs):
        monkeypatch.setattr(glibc, "version", lambda: (2, 36))
        files = [Path(name).name for name in old_glibc.REPAIRED_HASHES]
        assert old_glibc.repair_installed() == [f"{name}: repaired, glibc 2.36" for name in files]
        assert repairs == files

    def test_a_library_that_is_not_installed_is_left_out(self, monkeypatch, repairs, tmp_path):
        monkeypatch.setattr(glibc, "version", lambda: (2, 36))
        monkeypatch.setattr(old_glibc.sysconfig, "get_path", lambda name: str(tmp_path))
        assert all("not installed" in line for line in old_glibc.repair_installed())
        assert repairs == []


class TestVerb:
    """``huberflow doctor --repair``."""

    @pytest.fixture
    def doctor(self, monkeypatch):
        def run(repair_installed):
            monkeypatch.setattr(old_glibc, "repair_installed", repair_installed)
            return CliRunner().invoke(cli, ["doctor", "--repair"])

        return run

    @pytest.mark.parametrize(
        ("lines", "printed"),
        [(["a.so: repaired"], "a.so: repaired\n"), ([], "nothing on this system needs a repair\n")],
    )
    def test_prints_what_was_done(self, doctor, lines, printed):
        done = doctor(lambda: lines)
        assert (done.exit_code, done.stdout) == (0, printed)

    def test_a_failure_is_one_line(self, doctor):
        def refuse():
            raise old_glibc.RepairError("not that file")

        done = doctor(refuse)
        assert (done.exit_code, done.stderr) == (1, "huberflow: not repaired: not that file\n")
