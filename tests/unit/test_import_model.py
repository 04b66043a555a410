"""A user's own model: what is taken, what is refused and in which words, and that every command then finds it."""

import dataclasses
import hashlib
import json
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load_file, save_file

from rtsr.cli import main
from rtsr.config import ImportModel, RemoveModel
from rtsr.errors import BackendError, ResourceError, RtsrError, SourceError, UsageError
from rtsr.jobs import import_model as job
from rtsr.jobs.model_check import sunlit
from rtsr.jobs.model_file import conversion
from rtsr.models import (
    FOLDER,
    MODELS,
    ModelCard,
    find_model,
    known_models,
    list_models,
    parse_models,
    user,
    verified_path,
)
from rtsr.nets import imdn, open_net, srvgg
from rtsr.nets.families import count
from rtsr.nets.grey import Grey
from rtsr.upscalers.openvino import open_reference

SHIPPED = FOLDER / "ecbsr-m4c8_x2.onnx"


WOBBLE = [helper.make_node("Wobble", ["picture"], ["larger"], domain="odd")]
FLOOR = [helper.make_node("Floor", ["picture"], ["levels"])]


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of the user's, not made yet."""
    monkeypatch.setenv("RTSR_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def take(file: Path, name: str = "mine", **options: object) -> ModelCard:
    return job.import_model(ImportModel(file=str(file), name=name, **options))


def nearly_nearest(planes: int = 1, scale: int = 2) -> srvgg.SRVGGNetCompact:
    """A network that passes: nearest neighbour and a little of its own."""
    torch.manual_seed(0)
    net = srvgg.SRVGGNetCompact(srvgg.Shape(planes, scale, 8, 2))
    with torch.no_grad():
        net.body[-1].weight.mul_(0.05)
        net.body[-1].bias.zero_()
    return net.eval()


def graph(nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], path: Path, **sides: object) -> Path:
    """An ONNX file from `picture` to `larger`."""
    planes, height, width = sides.get("planes", 1), sides.get("height", "h"), sides.get("width", "w")
    kind = sides.get("kind", TensorProto.FLOAT)
    made = helper.make_graph(
        nodes,
        "theirs",
        [helper.make_tensor_value_info("picture", kind, ["n", planes, height, width])],
        [helper.make_tensor_value_info("larger", kind, ["n", planes, None, None])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def resize(path: Path, scale: float = 2.0, source: str = "picture", to: str = "larger", **sides: object) -> Path:
    """ONNX's own bicubic."""
    node = helper.make_node(
        "Resize",
        [source, "", "scales"],
        [to],
        mode="cubic",
        cubic_coeff_a=-0.5,
        coordinate_transformation_mode="half_pixel",
    )
    before, after = sides.pop("before", []), sides.pop("after", [])
    constants = {"scales": np.array([1, 1, scale, scale], np.float32), **sides.pop("constants", {})}
    return graph([*before, node, *after], constants, path, **sides)


def scaled(factor: float) -> dict[str, object]:
    """Arguments of `resize` for a picture that is multiplied first."""
    before = [helper.make_node("Mul", ["picture", "factor"], ["multiplied"])]
    return {"before": before, "constants": {"factor": np.array(factor, np.float32)}, "source": "multiplied"}


def test_an_onnx_file_becomes_a_model_that_computes_the_same(models: Path) -> None:
    card = take(SHIPPED, licence="CC0-1.0")
    shipped = find_model("ecbsr-m4c8", 2)
    numbers = ("scale", "parameters", "macs_per_output_pixel", "receptive_field_px")
    assert [getattr(card, one) for one in numbers] == [getattr(shipped, one) for one in numbers]
    assert (card.name, card.net, card.quality, card.note) == ("mine", "onnx", (), "")
    assert verified_path(card, "onnx") == models / "mine_x2.onnx"
    picture = sunlit(40, 30)
    np.testing.assert_array_equal(open_reference(card)(picture), open_reference(shipped)(picture))
    text = (models / "mine_x2.toml").read_text("utf-8")
    for told in (
        hashlib.sha256(SHIPPED.read_bytes()).hexdigest(),
        'file = "ecbsr-m4c8_x2.onnx"',
        'licence = "CC0-1.0"',
    ):
        assert told in text
    assert sorted(path.name for path in models.iterdir()) == ["mine_x2.onnx", "mine_x2.toml"]
    assert sys.platform == "win32" or stat.S_IMODE(models.stat().st_mode) == 0o700


def test_it_is_found_like_a_shipped_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "import", str(SHIPPED), "--name", "mine"]) == 0
    assert "mine x2: 2,708 parameters, 666 MACs per pixel" in capsys.readouterr().out
    assert known_models() == {**MODELS, "mine": (2,)}
    assert parse_models("all") == [*MODELS, "mine"]
    assert list_models()[-1] == find_model("mine", 2)
    assert main(["models"]) == 0
    assert "| mine " in capsys.readouterr().out
    with pytest.raises(UsageError, match="no scale 3") as caught:
        find_model("mine", 3)
    assert caught.value.mend == "choose --scale 2"
    with pytest.raises(UsageError, match="did you mean mine"):
        find_model("mime", 2)
    assert main(["models", "remove", "mine"]) == 0
    assert known_models() == MODELS
    assert main(["models", "remove", "mine"]) == 2


def test_names_inside_the_file_do_not_matter(tmp_path: Path, models: Path) -> None:
    inner = helper.make_node("Identity", ["luma"], ["sr"])  # our names, taken by something else
    before = [helper.make_node("Identity", ["picture"], ["luma"]), inner]
    card = take(resize(tmp_path / "theirs.onnx", 3.0, "sr", before=before))
    assert card.scale == 3
    model = onnx.load(models / "mine_x3.onnx")
    assert [one.name for one in (*model.graph.input, *model.graph.output)] == ["luma", "sr"]
    assert "it keeps" not in card.note


def test_onnx_of_colour_runs_on_luma(tmp_path: Path) -> None:
    gains = np.array([1.1, 1.0, 0.9], np.float32).reshape(1, 3, 1, 1)
    after = [helper.make_node("Mul", ["resized", "gains"], ["larger"])]
    card = take(resize(tmp_path / "rgb.onnx", to="resized", after=after, constants={"gains": gains}, planes=3), scale=2)
    assert "its three planes are all the luma" in card.note
    grey = take(resize(tmp_path / "grey.onnx"), "grey")
    weight = 1.1 * 0.299 + 0.587 + 0.9 * 0.114
    picture = sunlit(40, 30)
    np.testing.assert_allclose(open_reference(card)(picture), open_reference(grey)(picture) * weight, atol=1e-5)


def test_weights_in_a_second_file_are_gathered(tmp_path: Path, models: Path) -> None:
    (tmp_path / "apart").mkdir()
    apart = tmp_path / "apart" / "net.onnx"
    onnx.save(onnx.load(SHIPPED), apart, save_as_external_data=True, size_threshold=0, location="weights.bin")
    card = take(apart)
    assert [path.name for path in models.glob("*.bin")] == []
    picture = sunlit(40, 30)
    np.testing.assert_array_equal(open_reference(card)(picture), open_reference(find_model("ecbsr-m4c8", 2))(picture))
    (tmp_path / "apart" / "weights.bin").unlink()
    with pytest.raises(SourceError, match=r"net\.onnx is not taken"):
        take(apart, "again")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: resize(path, height=64, width=64), "takes pictures of 64x64 only"),
        (lambda path: resize(path, 1.0), "128x96 -> 128x96"),
        (lambda path: resize(path, 2.5), "128x96 -> 320x240"),
        (lambda path: resize(path, planes=4), "both must be pictures of 1 or 3 planes"),
        (lambda path: resize(path, kind=TensorProto.FLOAT16), "f16"),
        (lambda path: resize(path, **scaled(1 / 255)), "it takes 0..255"),
        (lambda path: resize(path, before=FLOOR, source="levels"), "it takes 0..255"),
        (lambda path: resize(path, **scaled(-1.0)), "dB from bicubic, 20 are needed"),
        (lambda path: resize(path, **scaled(1.1)), "a flat picture of"),
        (lambda path: resize(path, **scaled(float("nan"))), "not finite"),
        (lambda path: graph(WOBBLE, {}, path), "odd.Wobble"),
    ],
)  # fmt: skip
def test_onnx_that_does_not_enlarge_luma_is_refused(make, problem: str, tmp_path: Path, models: Path) -> None:
    with pytest.raises(SourceError) as caught:
        take(make(tmp_path / "theirs.onnx"))
    assert problem in str(caught.value)
    assert "theirs.onnx" in caught.value.problem
    assert not models.exists()


def test_what_the_fast_form_computes_otherwise_is_refused(tmp_path: Path) -> None:
    """One layer without continued borders: the engine that packs columns would continue them."""
    weight = np.full((4, 1, 5, 5), 1 / 25, np.float32)
    nodes = [
        helper.make_node("Conv", ["picture", "weight"], ["phases"], pads=[2] * 4),
        helper.make_node("DepthToSpace", ["phases"], ["larger"], blocksize=2, mode="CRD"),
    ]
    with pytest.raises(SourceError, match="fast form"):
        take(graph(nodes, {"weight": weight}, tmp_path / "one.onnx"))


def test_safetensors_of_ours_keep_their_numbers(models: Path) -> None:
    card = take(SHIPPED.with_suffix(".safetensors"))
    assert dataclasses.replace(card, name="", onnx=None, safetensors=None, quality=()) == dataclasses.replace(
        find_model("ecbsr-m4c8", 2), name="", onnx=None, safetensors=None, quality=()
    )
    net = open_net(verified_path(card, "safetensors"))
    picture = sunlit(40, 30)
    with torch.no_grad():
        truth = net(torch.from_numpy(picture)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(open_reference(card)(picture), truth, atol=1e-5)


@pytest.mark.parametrize("planes", [1, 3])
def test_safetensors_without_a_word_are_recognised(planes: int, tmp_path: Path) -> None:
    net = nearly_nearest(planes)
    save_file(net.state_dict(), tmp_path / "bare.safetensors")
    card = take(tmp_path / "bare.safetensors")
    assert (card.net, card.scale, card.receptive_field_px) == ("srvgg", 2, 2 * net.shape.reach + 1)
    assert card.parameters == count("srvgg", net.shape).parameters
    assert bool(card.note) == (planes == 3)
    picture = sunlit(40, 30)
    with torch.no_grad():
        truth = Grey(net, planes)(torch.from_numpy(picture)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(open_reference(card)(picture), truth, atol=1e-5)


def test_a_network_that_looks_at_the_whole_picture_says_so(tmp_path: Path) -> None:
    mean = helper.make_node("GlobalAveragePool", ["picture"], ["mean"])
    after = [
        mean,
        helper.make_node("Mul", ["mean", "small"], ["bit"]),
        helper.make_node("Add", ["resized", "bit"], ["larger"]),
    ]
    path = resize(tmp_path / "all.onnx", to="resized", after=after, constants={"small": np.array(0.02, np.float32)})
    assert "tiles differ" in take(path).note


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors", "net.onnx", "net.bin"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_refused_whatever_its_name(name: str, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / name
    if zipped:
        torch.save({"params": nearly_nearest().state_dict()}, path)
    else:
        path.write_bytes(pickle.dumps({"w": 1}))
    with pytest.raises(SourceError, match="runs code when it is opened") as caught:
        take(path)
    assert "weights_only=True" in caught.value.mend


def test_the_conversion_that_is_offered_works(tmp_path: Path) -> None:
    path = tmp_path / "it's mine.pth"
    torch.save({"params_ema": nearly_nearest().state_dict()}, path)
    command = conversion(path).replace("python", sys.executable, 1)
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert load_file(path.with_suffix(".safetensors")).keys() == nearly_nearest().state_dict().keys()
    assert take(path.with_suffix(".safetensors")).net == "srvgg"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "neither ONNX nor safetensors"),
        (b"\x89PNG\r\n\x1a\n", "neither"),
        (b"\x08\x08garbage that is no graph", "OpenVINO cannot read it"),
        (b"\x05\0\0\0\0\0\0\0{oops", "no safetensors file"),
        ((99999).to_bytes(8, "little") + b"{", "neither"),
    ],
)
def test_other_files_are_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "file.net").write_bytes(content)
    with pytest.raises(SourceError) as caught:
        take(tmp_path / "file.net")
    assert problem in caught.value.problem


def test_weights_that_are_no_numbers_or_of_no_network_are_refused(tmp_path: Path) -> None:
    weights = nearly_nearest().state_dict()
    weights["body.0.weight"][0, 0, 0, 0] = torch.inf
    save_file(weights, tmp_path / "inf.safetensors")
    with pytest.raises(SourceError, match="no finite number"):
        take(tmp_path / "inf.safetensors")
    save_file({"some.weight": torch.zeros(3, 3)}, tmp_path / "some.safetensors")
    with pytest.raises(SourceError, match="no network that rtsr knows"):
        take(tmp_path / "some.safetensors")
    save_file({"weight": torch.zeros(3, 3)}, tmp_path / "lie.safetensors", {"shape": json.dumps({"net": "ecbsr"})})
    with pytest.raises(SourceError, match="not those of"):
        take(tmp_path / "lie.safetensors")
    with pytest.raises(SourceError, match="cannot be read"):
        take(tmp_path / "absent.onnx")
    with pytest.raises(SourceError, match="cannot be read"):
        take(tmp_path)


def test_an_untrained_network_is_refused_with_its_number(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_file(imdn.IMDN(imdn.Shape("light", 1, 2, 1, 16)).state_dict(), tmp_path / "raw.safetensors")
    with pytest.raises(SourceError, match=r"raw\.safetensors is not taken: .* dB from bicubic"):
        take(tmp_path / "raw.safetensors")


@pytest.mark.parametrize("name", ["", "a/b", "../up", ".hidden", "a,b", "x" * 65, "Bicubic", "ecbsr-m4c8", "all", "ü"])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        take(SHIPPED, name)


def test_a_model_is_replaced_only_on_demand_and_a_scale_stands_beside_another(models: Path) -> None:
    take(SHIPPED.with_suffix(".safetensors"))
    with pytest.raises(UsageError, match="you have a model mine x2") as caught:
        take(SHIPPED)
    assert "--replace" in caught.value.mend
    take(FOLDER / "ecbsr-m4c8_x3.onnx")
    assert known_models()["mine"] == (2, 3)
    assert take(SHIPPED, replace=True).net == "onnx"
    assert not (models / "mine_x2.safetensors").exists()  # that was of the model before
    assert job.remove_model(RemoveModel(name="mine", scale=3)) == ["mine x3"]
    assert known_models()["mine"] == (2,)
    with pytest.raises(UsageError, match="rtsr's own"):
        job.remove_model(RemoveModel(name="bicubic"))


def test_another_scale_than_the_one_named_is_refused(models: Path) -> None:
    with pytest.raises(UsageError, match="enlarges by 2, not by 4"):
        take(SHIPPED, scale=4)
    assert not models.exists()


@pytest.mark.parametrize(("number", "kind"), [(28, ResourceError), (13, UsageError)])
def test_a_disk_that_fails_leaves_what_was_there(
    number: int, kind: type[RtsrError], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(SHIPPED)
    before = {path.name: path.read_bytes() for path in models.iterdir()}

    def fails(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("rtsr.models.user.os.fsync", fails)
    with pytest.raises(kind):
        take(SHIPPED, replace=True)
    assert {path.name: path.read_bytes() for path in models.iterdir()} == before


def test_a_damaged_card_or_file_is_told_and_hides_nothing_else(
    models: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    card = take(SHIPPED)
    (models / "mine_x2.onnx").write_bytes(b"altered")
    with pytest.raises(BackendError, match="import it again"):
        verified_path(card, "onnx")
    with pytest.raises(BackendError, match="without safetensors"):
        verified_path(card, "safetensors")
    (models / "mine_x2.toml").write_text("name = 'other'\n")
    (models / "notes_x2.txt").write_text("not a card")
    assert [one.name for one in list_models() if one.name not in MODELS] == []
    assert "rtsr models remove mine" in caplog.text
    assert main(["encode", "pattern:", "/tmp/never.mp4", "--model", "mine"]) == 5
    assert "the card of your model mine" in capsys.readouterr().err


def test_the_folder_is_the_platform_s_or_the_one_that_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert user.folder() == tmp_path / "models"
    monkeypatch.delenv("RTSR_MODELS")
    assert user.folder() == tmp_path / "rtsr" / "models"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert user.folder() == Path.home() / ".local" / "share" / "rtsr" / "models"


def test_a_strange_file_name_and_licence_make_a_card_that_can_be_read(tmp_path: Path) -> None:
    strange = tmp_path / 'a "b" ü \t\x7f.onnx'
    strange.write_bytes(SHIPPED.read_bytes())
    assert take(strange, licence='MIT "or" so\nline').scale == 2


@pytest.mark.parametrize(
    ("missing", "file", "mend"),
    [
        ("torch", ".safetensors", "rtsr[import]"),
        ("safetensors", ".safetensors", "rtsr[import]"),
        ("onnx", "rgb", "rtsr[import]"),
    ],
)
def test_a_missing_library_is_named_with_its_mend(missing: str, file: str, mend: str, tmp_path: Path) -> None:
    path = resize(tmp_path / "rgb.onnx", planes=3) if file == "rgb" else SHIPPED.with_suffix(file)
    run = without(missing, "models", "import", str(path), "--name", "mine")
    assert (run.returncode, "rtsr[import]" in run.stderr, "Traceback" in run.stderr) == (2, True, False), run.stderr


def test_onnx_of_luma_needs_no_library() -> None:
    run = without("onnx", "models", "import", str(SHIPPED), "--name", "mine")
    assert (run.returncode, run.stderr) == (0, "")
    assert find_model("mine", 2).onnx.sha256 == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()


def without(missing: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line where one library cannot be imported."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None; from rtsr.cli import main; raise SystemExit(main(sys.argv[1:]))"
    )
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_importing_a_model_in_a_fresh_process_says_only_what_it_made() -> None:
    arguments = ["models", "import", str(SHIPPED.with_suffix(".safetensors")), "--name", "mine"]
    run = subprocess.run([sys.executable, "-m", "rtsr", *arguments], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    assert run.stdout.splitlines()[0].startswith("mine x2: ")
