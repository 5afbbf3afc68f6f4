"""The state of real repositories."""

import subprocess

import pytest

from huberflow.pipeline.history import git


def run(folder, *arguments):
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    run(tmp_path, "init", "--initial-branch=trunk")
    (tmp_path / "model.py").write_text("threshold = 1.0\n")
    run(tmp_path, "add", ".")
    run(tmp_path, "commit", "--message=first")
    return tmp_path


def test_a_clean_repository(repository):
    commit = run(repository, "rev-parse", "HEAD")
    assert git.state(repository) == git.GitState(commit=commit, branch="trunk")


def test_a_folder_inside_belongs_to_the_repository(repository):
    (repository / "notes").mkdir()
    assert git.state(repository / "notes") == git.state(repository)


@pytest.mark.parametrize(
    ("file", "staged", "dirty"),
    [("model.py", False, True), ("loss.py", True, True), ("loss.py", False, False)],
    ids=["changed", "staged", "untracked"],
)
def test_a_file_that_differs_from_the_commit(repository, file, staged, dirty):
    (repository / file).write_text("threshold = 2.0\n")
    if staged:
        run(repository, "add", file)
    assert git.state(repository).dirty is dirty


def test_a_detached_head_has_no_branch(repository):
    run(repository, "checkout", "--detach")
    assert git.state(repository).branch is None


@pytest.mark.parametrize(
    ("remote", "shared"),
    [
        ("https://example.com/acme/taxi.git", "https://example.com/acme/taxi.git"),
        ("https://ada:hunter2@example.com/taxi.git", "https://example.com/taxi.git"),
        ("https://ada:hun@ter2@example.com:8443/taxi", "https://example.com:8443/taxi"),
        ("https://oauth2:glpat-0123456789abcdefghij@example.com/t", "https://example.com/t"),
        ("https://0123456789abcdef@example.com/taxi.git", "https://example.com/taxi.git"),
        ("https://example.com/taxi.git?private_token=hunter2#main", "https://example.com/taxi.git"),
        ("https://example.com/ghp_0123456789abcdefghij/taxi", "https://example.com/***/taxi"),
        ("https://ada:hun/ter2@example.com/taxi.git", None),
        ("https://ada:2/ter2@example.com/taxi.git", None),
        ("ssh://git@example.com:2222/acme/taxi.git", "ssh://git@example.com:2222/acme/taxi.git"),
        ("ssh://ada:hunter2@example.com/taxi.git", "ssh://example.com/taxi.git"),
        ("git@example.com:acme/taxi.git", "git@example.com:acme/taxi.git"),
        ("hunter2@example.com:taxi.git", "example.com:taxi.git"),
        ("file:///home/ada/taxi.git", None),
        ("file://server/home/ada/taxi.git", None),
        ("/home/ada/taxi.git", None),
        ("../taxi.git", None),
        ("./odd:name", None),
        ("taxi.git", None),
        ("~/taxi.git", None),
        (r"C:\Users\ada\taxi.git", None),
        ("C:/Users/ada/taxi.git", None),
        (r"\\server\ada\taxi.git", None),
        ("ext::sh -c 'cat /home/ada/token'", None),
        ("hg::https://ada:hunter2@example.com/taxi", None),
    ],
)
def test_the_remote_has_no_token_and_is_no_path_of_this_machine(repository, remote, shared):
    run(repository, "remote", "add", "origin", remote)
    assert git.state(repository).remote == shared


@pytest.mark.parametrize(
    ("prefix", "shared"),
    [("https://hunter2@example.com/", "https://example.com/taxi.git"), ("/srv/git/", None)],
)
def test_a_remote_that_git_writes_out_has_neither(repository, prefix, shared):
    run(repository, "config", f"url.{prefix}.insteadOf", "acme:")
    run(repository, "remote", "add", "origin", "acme:taxi.git")
    assert git.state(repository).remote == shared


def test_no_folder_no_repository_or_no_commit_yet(tmp_path):
    assert git.state(tmp_path) is git.state(tmp_path / "gone") is None
    run(tmp_path, "init")
    assert git.state(tmp_path) is None


def test_no_git(repository, monkeypatch):
    monkeypatch.setenv("PATH", str(repository))
    assert git.state(repository) is None


def test_no_answer_in_time(repository, monkeypatch, tmp_path_factory):
    slow = tmp_path_factory.mktemp("bin") / "git"
    slow.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent))
    monkeypatch.setattr(git, "_TIMEOUT", 0.1)
    assert git.state(repository) is None


def test_inside_a_git_hook_it_is_still_the_folders_repository(repository, monkeypatch, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    run(other, "init")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    found = git.state(repository)
    assert found is not None
    assert found.branch == "trunk"


def test_the_index_is_left_alone(repository):
    index = repository / ".git" / "index"
    before = index.stat().st_mtime_ns
    (repository / "model.py").touch()  # makes a plain status refresh the index
    git.state(repository)
    assert index.stat().st_mtime_ns == before
