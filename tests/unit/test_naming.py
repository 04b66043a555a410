"""Names of outputs, inputs of a batch, and what `--sample` asks for."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rtsr.cli.options import command
from rtsr.config import Encodes
from rtsr.errors import UsageError
from rtsr.jobs.inputs import find_inputs, is_many
from rtsr.jobs.naming import FIELDS, parse_template, template_of
from rtsr.jobs.sample import Measured, Sampling, estimate, parse_sampling, size_words
from tests.films import film


def parsed(*arguments: str) -> Encodes:
    """As the command line has it."""
    found: list[Encodes] = []
    command("encode", Encodes, lambda options: found.append(options)).main(list(arguments), standalone_mode=False)
    return found[0]


@pytest.mark.parametrize(
    ("arguments", "sources", "output"),
    [
        (["a", "o"], ("a",), "o"),
        (["a", "b", "c", "o"], ("a", "b", "c"), "o"),
        (["-i", "a", "o"], ("a",), "o"),
        (["-i", "a", "-i", "b", "o"], ("a", "b"), "o"),
        (["a", "b", "-o", "o"], ("a", "b"), "o"),
        (["-o", "o", "-i", "a"], ("a",), "o"),
        (["-", "-"], ("-",), "-"),
    ],
)
def test_inputs_come_by_place_or_flag(arguments: list[str], sources: tuple[str, ...], output: str) -> None:
    options = parsed(*arguments)
    assert options.sources == sources
    assert options.output == output


@pytest.mark.parametrize(
    ("text", "options", "name"),
    [
        (None, [], "a film.esr-tr-k5c2.2x.mp4"),
        (None, ["--scale", "1.5", "--model", "auto"], "a film.auto.1.5x.mp4"),
        (None, ["--scale", "4/3"], "a film.esr-tr-k5c2.1.33333x.mp4"),
        (None, ["--size", "-2x1080"], "a film.esr-tr-k5c2.-2x1080.mp4"),
        ("{file}-{codec}.mov", ["-c:v", "libx265"], "a film.mp4-libx265.mov"),
        ("{{{stem}}}.{ext}", [], "{a film}.mp4"),
    ],
)
def test_names(tmp_path: Path, text: str | None, options: list[str], name: str) -> None:
    source = film(tmp_path / "a film.mp4", times=range(3))
    asked = parsed(str(source), "o", *options, *(["--name", text] if text else []))
    assert template_of(asked).name(asked.of(str(source), "")) == name


def test_a_template_asks_only_for_what_is_given() -> None:
    with pytest.raises(UsageError, match="no --scale is given"):
        template_of(parsed("a", "o", "--size", "640x360", "--name", "{stem}.{scale}.{ext}"))
    with pytest.raises(UsageError, match="no --size is given"):
        template_of(parsed("a", "o", "--name", "{stem}.{size}.{ext}"))


@given(some.text(max_size=20))
def test_any_template_is_a_name_or_refused(text: str) -> None:
    try:
        template = parse_template(f"{text}.mkv")
    except UsageError:
        return
    known = dict.fromkeys(FIELDS, "x")
    name = template.text.format(**known)
    assert "/" not in name
    assert name.endswith(".mkv")


def test_a_folder_is_read_by_name_without_what_is_hidden_or_unfinished(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.MKV", "x/c.ts", ".hidden.mp4", ".cache/d.mp4", "e.mp4.rtsr/00000.segment", "f.txt",
                 "g.braw", "out/h.mp4", "i.mp4.part"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_inputs([str(tmp_path)], tmp_path / "out")
    assert [(one.path.name, str(one.folder)) for one in found.taken] == [("a.MKV", "."), ("b.mp4", "."), ("c.ts", "x")]
    assert [path.name for path in found.left_out] == ["g.braw"]


def test_a_name_that_looks_like_a_pattern_or_a_list_is_a_file_where_there_is_one(tmp_path: Path) -> None:
    for name in ("[a].mp4", "@list.mp4"):
        (tmp_path / name).touch()
        assert not is_many([str(tmp_path / name)])
    assert is_many([str(tmp_path / "*.mp4")])
    assert is_many([str(tmp_path)])
    assert not is_many(["frames/%05d.png?rate=24"])
    assert not is_many(["https://example.org/a.mp4?b=c"])


def test_a_file_that_is_found_twice_is_taken_once(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    found = find_inputs([str(tmp_path / "a.mp4"), str(tmp_path), f"{tmp_path}/*.mp4"], tmp_path / "out")
    assert len(found.taken) == 1


def test_a_list_may_name_arrows_and_files_with_arrows(tmp_path: Path) -> None:
    for name in ("a.mp4", "a -> b.mp4", "#1.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "list.txt").write_bytes("\ufeffa -> b.mp4\na.mp4  ->  x y.mkv\n./#1.mp4\n".encode())
    found = find_inputs([f"@{tmp_path}/list.txt"], tmp_path / "out")
    assert [(one.path.name, one.output) for one in found.taken] == [
        ("a -> b.mp4", None), ("a.mp4", "x y.mkv"), ("#1.mp4", None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "count", "length_s"), [("3x5s", 3, 5), ("1x0.5", 1, Fraction(1, 2)), ("12X1.25s", 12, Fraction(5, 4))]
)
def test_samplings(text: str, count: int, length_s: Fraction) -> None:
    assert parse_sampling(text) == Sampling(count, Fraction(length_s))


@given(some.integers(1, 50), some.fractions(Fraction(1, 10), 60), some.fractions(1, 100))
def test_pieces_lie_evenly_and_within(count: int, length_s: Fraction, room: Fraction) -> None:
    duration_s = count * length_s * room
    begins = Sampling(count, length_s).begins(duration_s)
    assert begins[0] >= 0
    assert begins[-1] + length_s <= duration_s
    assert begins[0] == duration_s - begins[-1] - length_s  # as much before the first as after the last
    assert all(later - earlier == duration_s / count for earlier, later in pairwise(begins))


@given(
    some.lists(
        some.tuples(some.floats(0.1, 60), some.floats(0.1, 600), some.integers(1, 10**9)), min_size=1, max_size=9
    ),
    some.floats(1, 1e5),
    some.integers(0, 10**9),
)
def test_an_estimate_lies_between_its_pieces(
    pieces: list[tuple[float, float, int]], duration_s: float, beside: int
) -> None:
    found = estimate([Measured(*piece) for piece in pieces], duration_s, beside)
    for about, least, most in (found.bytes, found.seconds):
        assert least <= about * (1 + 1e-9)
        assert about <= most * (1 + 1e-9)
    assert found.bytes[1] >= beside


def test_sizes_in_words() -> None:
    assert [size_words(size) for size in (850, 1_230_000, 45_600_000_000)] == ["0.85 kB", "1.23 MB", "45.6 GB"]
