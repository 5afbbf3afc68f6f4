#!/bin/sh
# Installs the project into .venv; `make` runs it when something is missing or has changed.
#
# First it checks the machine and names all that is missing, without writing anything. Each later
# step does only what is left to do, so an interrupted setup continues where it stopped. The stamp
# .venv/.ready comes last: it shows make that the setup is complete.

set -eu
cd "${0%/*}/.."

uv_version=0.13.9

# The project alone decides what is installed and where. Settings of mirrors, proxies and caches stay.
unset UV_PROJECT_ENVIRONMENT UV_PROJECT UV_WORKING_DIR UV_PYTHON UV_FROZEN UV_LOCKED UV_DRY_RUN \
  UV_NO_DEV UV_NO_EDITABLE UV_NO_BUILD UV_NO_INSTALL_PROJECT UV_NO_INSTALL_LOCAL \
  UV_MANAGED_PYTHON UV_NO_MANAGED_PYTHON VIRTUAL_ENV PYTHONHOME PYTHONPATH \
  PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV

# One line, even from a much older Python: CPython-3.11 headers Linux-x86_64 glibc-2.36 /path
probe='
import os, platform, sys, sysconfig
header = os.path.join(sysconfig.get_path("include"), "Python.h")
print(" ".join([
    "%s-%d.%d" % ((platform.python_implementation(),) + tuple(sys.version_info[:2])),
    "headers" if os.path.exists(header) else "no-headers",
    "%s-%s" % (platform.system(), platform.machine()),
    "%s-%s" % platform.libc_ver(),
    getattr(sys, "_base_executable", None) or sys.executable,
]))'

say() { printf 'setup: %s\n' "$*"; }
complain() { printf 'setup: %s\n' "$*" >&2; }
stop() { complain "$@"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

missing() {
  complain "$@"
  incomplete=1
}

# hint APT DNF MAC: the line to write, for the package manager at hand.
hint() {
  if has apt-get; then echo "sudo apt-get install $1"
  elif has dnf; then echo "sudo dnf install $2"
  elif has xcode-select; then echo "$3"
  else echo "the system's package manager (on Debian and Ubuntu: apt-get install $1)"
  fi
}

# Selects the first supported Python with headers; without one, the first supported.
find_python() {
  python='' seen=''
  for name in python3 python3.13 python3.12 python3.11; do
    line=$("$name" -c "$probe" 2>/dev/null) || continue
    read -r found found_headers found_platform found_libc found_path <<EOF
$line
EOF
    case $found in
      CPython-3.11 | CPython-3.12 | CPython-3.13) ;;
      *) seen="$seen${seen:+, }$name: $found"; continue ;;
    esac
    if [ -z "$python" ] || [ "$found_headers" = headers ]; then
      version=${found#CPython-} headers=$found_headers platform=$found_platform libc=$found_libc
      python=$found_path
    fi
    [ "$headers" = no-headers ] || break
  done
}

check_python() {
  find_python
  if [ -z "$python" ]; then
    missing "no usable Python: expected python3 of CPython 3.11, 3.12 or 3.13," \
      "received ${seen:-none}; install one (3.12 and 3.13 also work) with:" \
      "$(hint 'python3.11 python3.11-dev python3.11-venv' python3.11-devel \
        'brew install python@3.11')"
  elif [ "$headers" = no-headers ]; then
    missing "no C headers for Python $version: expected its Python.h, which pyfarmhash is compiled" \
      "with, received none; install them with:" \
      "$(hint "python$version-dev" "python$version-devel" "brew install python@$version")"
  fi
}

check_compiler() {
  # The user's CXX comes first. A stub, as on a Mac without its tools, fails and does not count.
  for name in ${CXX:-} c++ g++ clang++; do
    if has "$name" && "$name" --version >/dev/null 2>&1; then
      compiler=$name
      return
    fi
  done
  missing "no C++ compiler: expected c++, g++ or clang++, to compile pyfarmhash (it has no wheel)," \
    "received none; install one with: $(hint g++ gcc-c++ 'xcode-select --install')"
}

# Sets wheels, the option that makes uv accept wheels of a newer glibc; see old_glibc.py in
# src/huberflow/installation.
check_platform() {
  wheels=''
  case $platform in
    Linux-x86_64 | Darwin-arm64) ;;
    *) missing "no wheels of ml-metadata for this platform: expected Linux-x86_64 or Darwin-arm64" \
      "(an Apple-silicon Mac), received $platform; use a machine of one of these"; return ;;
  esac
  case $platform-$libc in
    Darwin-*) ;;
    Linux-*-glibc-2.*)
      minor=${libc#glibc-2.} minor=${minor%%.*}
      if [ "$minor" -lt 34 ]; then
        missing "glibc is too old: expected 2.34 or later (Debian 12, Ubuntu 22.04, RHEL 9)," \
          "received 2.$minor; use a newer system, or a container of one"
      elif [ "$minor" -lt 39 ]; then
        wheels=x86_64-manylinux_2_39
      fi ;;
    *) missing "this system's C library has no wheels: expected glibc 2.34 or later, received none" \
      "(musl, as on Alpine?); use a system such as Debian 12, or a container of one" ;;
  esac
}

check_machine() {
  incomplete=0
  check_python
  [ -z "$python" ] || check_platform
  check_compiler
  [ "$incomplete" = 0 ] || stop "nothing was installed; run make again after that"
}

uv_is_installed() {
  [ -x .uv/bin/uv ] && case "$(.uv/bin/uv --version 2>/dev/null)" in
    "uv $uv_version" | "uv $uv_version "*) ;;
    *) false ;;
  esac
}

install_uv() {
  if uv_is_installed; then return; fi
  say "installing uv $uv_version into .uv"
  rm -rf .uv
  if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$python" -m venv .uv && pip_install .uv/bin/python
  elif "$python" -m pip --version >/dev/null 2>&1; then
    # Debian without python3-venv.
    pip_install "$python" --target .uv/site && mkdir -p .uv/bin && ln -s ../site/bin/uv .uv/bin/uv
  else
    stop "Python $version has neither ensurepip nor pip: expected one of them, to install uv," \
      "received none; install it with:" \
      "$(hint "python$version-venv" python3-pip "brew reinstall python@$version")"
  fi
  uv_is_installed || stop "uv $uv_version could not be installed (see above); run make again to retry"
}

pip_install() {
  with=$1
  shift
  PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 \
    "$with" -m pip install --quiet --no-input "$@" "uv==$uv_version"
}

install_packages() {
  # A killed installation may leave half a package, which uv would accept as complete.
  if [ -e .uv/installing ]; then rm -rf .venv; fi
  if [ -d .venv ]; then say "updating .venv"
  else say "installing the packages into .venv (about 4 GB; some minutes)"
  fi
  # Without this, pyfarmhash would be compiled with the compiler that Python was built with.
  if [ -z "${CXX:-}" ] && ! has g++; then export CXX="$compiler"; fi
  touch .uv/installing
  UV_PYTHON_DOWNLOADS=never .uv/bin/uv sync --frozen --extra dev --compile-bytecode \
    --python "$python" ${wheels:+--python-platform "$wheels"} ||
    stop "the packages were not all installed (see above); run make again to continue"
  rm .uv/installing
}

main() {
  check_machine
  say "using Python $version ($python) and $compiler"
  install_uv
  install_packages
  .venv/bin/huberflow doctor --repair
  touch .venv/.ready
  say "ready"
}

main
