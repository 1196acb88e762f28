"""What users of the command line rely on: results as they come, bad rows named, plain errors."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from media import RATE, tone, write_sound
from tiny_predictor import CharacterEncoder, sums_model
from typer.testing import CliRunner

import keras_mer.predictor
from keras_mer import training, zoo
from keras_mer._version import __version__
from keras_mer.cli import app
from keras_mer.features import read_sound


@pytest.fixture(scope="module")
def tiny():
    return keras_mer.predictor.Predictor(
        sums_model(), text_encoder=CharacterEncoder(), metadata={"label_range": [-3, 3]}
    )


@pytest.fixture
def run(monkeypatch, tiny):
    """Runs a command with the tiny model in place of every entry."""
    monkeypatch.setattr(keras_mer.predictor, "Predictor", lambda name: tiny)

    def run(*arguments, stdin=None):
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)

    return run


def predicted(run, *arguments, stdin=None):
    """The exit status, the JSON results and the lines on the standard error."""
    result = run("predict", "tiny", *arguments, "--output", "json", stdin=stdin)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return result.exit_code, rows, result.stderr.splitlines()


def test_texts_as_a_table(run):
    result = run("predict", "tiny", "--text", "ab", "--text", "[z]\nand more")
    assert result.exit_code == 0
    heading, first, second = result.stdout.splitlines()
    assert heading.split() == ["row", "score", "label", "decided", "by", "text"]
    assert first.split() == ["1", "+0.12", "positive", "text", "100%", "ab"]
    assert second.split()[0] == "2"
    assert second.endswith("[z] and more")
    assert result.stderr == ""


def test_json_says_everything(run):
    status, rows, said = predicted(run, "--text", "ab")
    assert (status, said) == (0, [])
    assert rows == [
        {
            "row": 1,
            "text": "ab",
            "score": pytest.approx(0.12),
            "label": "positive",
            "shares": {"text": 1.0, "audio": 0.0},
            "decided_by": "text",
        }
    ]


def test_a_csv_file(run, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes('\ufeffid,said\n1,"a\nb, c"\n2,\n3\n4,"é"\n5,d\n'.encode())
    status, rows, said = predicted(run, "--input", path, "--text-column", "said")
    assert status == 1
    assert [row["row"] for row in rows if "score" in row] == [1, 4, 5]
    assert said[0].startswith("keras-mer: row 2: the text is empty")
    assert said[1].startswith('keras-mer: row 3: the column "said" is missing')
    assert said[2:] == ["keras-mer: 2 of 5 rows failed"]
    assert rows[1]["error"] in said[0]


def test_bytes_that_are_no_text_cost_one_row(run, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"text\na\ncaf\xe9\nb\n")
    status, rows, said = predicted(run, "--input", path)
    assert status == 1
    assert [row["row"] for row in rows if "score" in row] == [1, 3]
    assert said[0] == "keras-mer: row 2: the text is not UTF-8"


def test_a_column_that_is_not_there(run, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("id,said\n1,a\n")
    status, rows, said = predicted(run, "--input", path)
    assert (status, rows) == (1, [])
    assert said == [
        f'keras-mer: {path} has no column "text"; its columns are id, said. '
        "Choose one with --text-column, --audio-column, --video-column or --dialogue-column"
    ]


JSONL = {
    '{"text": ""}': "the text is empty",
    '{"id": 1, "txt": "a"}': "no text, audio or video among the keys of the object: id, txt",
    '{"text": null}': "nothing to score, text and audio are all missing",
    '{"text": 3}': "text: expected a text",
    '{"audio": [[1, 2]]}': "audio: expected an array of numbers, (time, 3) or (3,)",
    '{"audio": [1, 2, NaN]}': "audio: the value at step 0, dimension 2 is nan",
    '{"video": [1]}': "the model reads text and audio, not video",
    '{"text": "a"': "not JSON: ",
    "[1]": "expected a JSON object; received list",
    "": "not JSON: ",
}


@pytest.mark.parametrize("line", JSONL)
def test_a_jsonl_file_with_a_bad_row(run, tmp_path, line):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"text": "a", "audio": [0.5, 0, 0]}}\n{line}\n{{"audio": [[1, 0, 0]]}}\n')
    status, rows, said = predicted(run, "--input", path)
    assert status == 1
    assert [row.get("score") for row in rows] == [pytest.approx(0.54), None, pytest.approx(1.0)]
    assert said[0].startswith(f"keras-mer: row 2: {JSONL[line]}")
    assert said[1:] == ["keras-mer: 1 of 3 rows failed"]


@pytest.fixture
def clips(monkeypatch, tiny, tmp_path):
    """Two files of sound and a model that hears how long they are, in seconds."""
    for name, seconds in (("short", 0.5), ("long", 2.0)):
        write_sound(tmp_path / f"{name}.wav", tone(seconds=seconds))

    class Length:
        specification: ClassVar = {"extractor": "length", "dimension": 3}

        def encode(self, files):
            return [np.array([[len(read_sound(file)) / RATE, 0, 0]]) for file in files]

    monkeypatch.setitem(tiny.encoders, "audio", Length())
    return tmp_path


def test_clips_are_rows_too(run, clips):
    short, long = clips / "short.wav", clips / "long.wav"
    status, rows, said = predicted(run, "--audio", short, "--audio", long)
    assert (status, said) == (0, [])
    assert [(row["audio"], row["score"]) for row in rows] == [(str(short), 0.5), (str(long), 2.0)]
    result = run("predict", "tiny", "--text", "a", "--audio", long)
    heading, row = result.stdout.splitlines()
    assert heading.split()[-2:] == ["text,", "audio"]
    assert row.split()[-2:] == ["a,", str(long)]
    lonely = run("predict", "tiny", "--text", "a", "--audio", short, "--audio", long)
    assert lonely.exit_code == 2
    assert "1 of --text, 2 of --audio" in " ".join(lonely.stderr.replace("│", "").split())


def test_clips_in_a_file_lie_beside_it(run, clips):
    path = clips / "rows.csv"
    path.write_text("said,sound\na,long.wav\nb,\n,short.wav\nc,gone.wav\n,\n")
    columns = ["--text-column", "said", "--audio-column", "sound"]
    status, rows, said = predicted(run, "--input", path, *columns)
    assert status == 1
    scores = [row.get("score") for row in rows]
    assert scores[:3] == [pytest.approx(2.04), pytest.approx(0.08), pytest.approx(0.5)]
    assert said[0] == f"keras-mer: row 4: there is no clip {clips / 'gone.wav'}"
    assert said[1] == "keras-mer: row 5: nothing to score, text and audio are all missing"
    # A column that nobody named is left alone, whatever its name.
    path.write_text("text,audio\na,take 7\n")
    assert predicted(run, "--input", path)[0] == 0
    (clips / "rows.jsonl").write_text('{"audio": "short.wav"}\n')
    assert predicted(run, "--input", clips / "rows.jsonl")[1][0]["score"] == 0.5


def features(**description):
    """Three rows of features, the second without audio."""
    return keras_mer.data.Dataset(
        {"audio": [np.full((2, 3), 0.1), None, np.full((1, 3), -0.2)], "video": np.ones((3, 2))},
        labels=[0.0, 0.0, 0.0],
        splits=["test"] * 3,
        ids=["tom", "ann", "eve"],
        description=description,
    )


@pytest.mark.parametrize("name", ["corpus", "corpus.npz"])
def test_a_data_set_of_features_is_scored_by_the_names_of_its_rows(run, tmp_path, name):
    features().save(tmp_path / name)
    status, rows, said = predicted(run, "--input", tmp_path / name)
    assert status == 1
    assert [row["id"] for row in rows] == ["tom", "ann", "eve"]
    assert rows[0]["score"] == pytest.approx(0.6)
    assert rows[2]["score"] == pytest.approx(-0.6)
    assert said[0].endswith("row 2: nothing to score, text and audio are all missing")
    table = run("predict", "tiny", "--input", tmp_path / name).stdout
    assert table.splitlines()[0].endswith("id")
    assert "tom" in table
    written = run("predict", "tiny", "--input", tmp_path / name, "--output", "csv").stdout
    assert written.splitlines()[0].endswith(",error,id")


def test_a_data_set_that_the_model_cannot_read_says_why(run, tmp_path):
    features().without("audio").save(tmp_path / "corpus.npz")
    result = run("predict", "tiny", "--input", tmp_path / "corpus.npz")
    assert result.exit_code == 1
    assert result.stderr == "keras-mer: the model reads text and audio; the data set has video\n"
    result = run("predict", "tiny", "--input", tmp_path / "corpus.npz", "--text-column", "said")
    assert result.exit_code == 2
    assert "leave --text-column out" in " ".join(result.stderr.split())


def test_the_standard_input_holds_lines_or_objects(run):
    status, rows, _ = predicted(run, "--input", "-", stdin='ab\n{"text": "c"}\n')
    assert status == 0
    assert [row["text"] for row in rows] == ["ab", "c"]


def test_csv_keeps_a_line_for_every_row(run):
    result = run("predict", "tiny", "--text", "a", "--text", "", "--output", "csv")
    first, second = csv.DictReader(io.StringIO(result.stdout))
    assert (first["row"], first["score"], first["decided_by"]) == ("1", "0.04", "text")
    assert (second["score"], second["label"]) == ("", "")
    assert second["error"].startswith("row 2: the text is empty")
    assert result.exit_code == 1


def test_results_go_to_a_file_even_if_rows_fail(run, tmp_path):
    out = tmp_path / "results.csv"
    result = run("predict", "tiny", "--text", "a", "--text", "", "--output", "csv", "--out", out)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(out.read_text().splitlines()) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--text"),
        (["--text", "a", "--input", "b.csv"], "--input"),
        (["--text", "a", "--output", "xml"], "table"),
        (["--tekst", "a"], "--tekst"),
    ],
)
def test_usage_errors_have_the_exit_status_2(run, arguments, words):
    result = run("predict", "tiny", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("absent.csv", "absent.csv: No such file or directory"),
        ("rows.xlsx", "rows.xlsx: the format is told by the name; expected .csv"),
    ],
)
def test_a_users_error_is_one_line(run, source, message):
    result = run("predict", "tiny", "--input", source)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"keras-mer: {message}")
    assert len(result.stderr.splitlines()) == 1
    result = run("predict", "tiny", "--input", source, "--debug")
    assert isinstance(result.exception, OSError | ValueError)


def test_list_and_card_show_what_the_zoo_says(run, monkeypatch):
    entries = {"one_mosi": "# One\n", "two_meld": "# Two\n"}
    monkeypatch.setattr(
        zoo,
        "list_models",
        lambda pattern: [name for name in entries if pattern.strip("*") in name],
        raising=False,
    )
    monkeypatch.setattr(zoo, "card", entries.__getitem__, raising=False)
    assert run("list").stdout.split() == ["one_mosi", "two_meld"]
    assert run("list", "*mosi*").stdout.split() == ["one_mosi"]
    assert run("card", "two_meld").stdout.strip() == "# Two"
    nothing = run("list", "*sims*")
    assert nothing.exit_code == 1
    assert nothing.stderr == 'keras-mer: no entry matches "*sims*"; `keras-mer list` shows all\n'


def test_a_card_is_refreshed(run, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(zoo, "refresh_card", lambda folder: asked.append(("text", folder)))
    monkeypatch.setattr(
        training, "score_card", lambda folder, **given: asked.append((folder, given))
    )
    monkeypatch.setattr(zoo, "card", lambda name: f"# {name}\n")
    assert run("card", "zoo/a", "--refresh").stdout.strip() == "# zoo/a"
    run("card", "zoo/a", "--refresh", "--data", "DIR")
    run("card", "zoo/a", "--refresh", "--runs", "RUNS")
    scored = {"data": Path("DIR"), "runs": None, "progress": True}
    assert asked == [
        ("text", "zoo/a"),
        ("zoo/a", scored),
        ("zoo/a", {**scored, "data": None, "runs": Path("RUNS")}),
    ]
    refused = run("card", "zoo/a", "--data", "DIR")
    assert refused.exit_code == 1
    assert "--data and --runs go with --refresh" in refused.stderr


@pytest.mark.once
def test_version_says_nothing_else():
    program = "import sys; from keras_mer.cli import main; sys.argv[1:] = ['--version']; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"keras-mer {__version__}\n", "")


@pytest.mark.once
def test_a_closed_pipe_is_quiet():
    program = (
        "import typer; from keras_mer.cli._command import command, Debug\n"
        "@command\n"
        "def many(debug: Debug = False) -> None:\n"
        "    for number in range(100_000): print(number)\n"
        "typer.run(many)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"0\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1
