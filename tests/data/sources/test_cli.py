"""`keras-mer data list` and `keras-mer data fetch`."""

import pytest
from typer.testing import CliRunner

import keras_mer.cli.sources
from keras_mer.cli import app

pytestmark = pytest.mark.once

FILES = {"a.csv": b"1,2\n", "b.npy": b"b" * 2000}


def run(*arguments, stdin=None):
    return CliRunner().invoke(app, ["data", *map(str, arguments)], input=stdin)


def test_list_says_what_is_here(home, public):
    public(FILES, apply="https://owner.example")
    heading, line = run("list").stdout.splitlines()
    assert heading.split() == ["name", "files", "MB", "here", "terms", "what"]
    assert line.split() == ["tiny", "2", "0.0", "no", "accept", "Tiny"]
    assert run("fetch", "tiny", "--accept-terms").exit_code == 0
    assert run("list").stdout.splitlines()[1].split()[3] == "yes"
    (home / "data" / "tiny" / "a.csv").unlink()
    assert run("list").stdout.splitlines()[1].split()[3] == "part"


def test_list_of_one_set_names_terms_and_mirrors(server, public):
    public(FILES, apply="https://owner.example")
    shown = run("list", "tiny").stdout
    for part in ("For tests.", "https://owner.example", f"{server.two}/org/repo"):
        assert part in shown


def test_fetch_prints_the_folder_alone(home, place, public):
    public(FILES)
    result = run("fetch", "tiny")
    assert result.exit_code == 0
    assert result.stdout == f"{home / 'data' / 'tiny'}\n"
    assert "keras_mer.data.read(" in result.stderr
    assert "For tests." in result.stderr
    result = run("fetch", "tiny", "--folder", place / "own")
    assert result.stdout == f"{place / 'own' / 'tiny'}\n"


def test_terms_are_a_plain_error_where_nobody_can_be_asked(server, public):
    public(FILES, apply="https://owner.example")
    result = run("fetch", "tiny")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "--accept-terms" in result.stderr
    assert server.asked == []


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 1)])
def test_terms_are_asked_for_on_a_terminal(server, public, monkeypatch, answer, status):
    monkeypatch.setattr(keras_mer.cli.sources, "_on_a_terminal", lambda: True)
    public(FILES, apply="https://owner.example")
    result = run("fetch", "tiny", stdin=f"{answer}\n")
    assert result.exit_code == status
    assert "https://owner.example" in result.stderr
    assert bool(server.asked) == (status == 0)


def test_a_dead_link_is_one_line(server, public):
    public(FILES)
    server.always[""] = 404
    result = run("fetch", "tiny")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("keras-mer: ")
    assert "https://tiny.example" in line
    result = run("fetch", "tiny", "--mirror", f"{server.address}/own")
    assert f"{server.address}/own: it has no such file" in result.stderr
