"""Which GPU is meant, what there is, and why something cannot be used. The driver, where one is needed, is a double."""

import importlib.util
from pathlib import Path

import pytest

from rtsr.config import Upscale
from rtsr.errors import BackendError, UsageError
from rtsr.upscalers import ON_GPU, absence, candidates, devices, refuse_absent
from rtsr.upscalers.cuda import Gpu
from rtsr.upscalers.devices import VISIBLE, find_gpu, free_bytes, list_devices, usable_gpus
from tests.doubles.gpu_machine import GpuMachine, card

HERE = devices.has_driver()


@pytest.mark.parametrize(
    "words",
    ["0", "test double 0", "TEST DOUBLE 0", "GPU-11111111-1111-1111-1111-111111111111", "11111111-1111", "gpu-1111"],
)
def test_a_gpu_is_named_by_number_uuid_or_part_of_its_name(gpu_machine: GpuMachine, words: str) -> None:
    gpu_machine.set_cards(card(0), card(1))
    assert find_gpu(words).ordinal == 0
    assert find_gpu("auto").ordinal == 0
    assert find_gpu("1").name == "rtsr test double 1"


def test_a_number_that_is_no_gpu_s_may_be_part_of_a_name(
    gpu_machine: GpuMachine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UsageError, match="there is no GPU '4090'"):
        find_gpu("4090")
    monkeypatch.setattr(devices, "list_gpus", lambda: (Gpu(0, "NVIDIA RTX 4090", "GPU-1", "8.9", 1, False),))
    assert find_gpu("4090").ordinal == 0


def test_words_for_several_are_refused_with_all_of_them(gpu_machine: GpuMachine) -> None:
    gpu_machine.set_cards(card(0), card(1))
    with pytest.raises(UsageError, match="several GPUs: 0 rtsr test double 0, 1 rtsr test double 1") as caught:
        find_gpu("double")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("words", ["7", "GPU-ffff", "RTX 4070", "", "-1", "²"])
def test_words_for_none_are_refused_with_what_is_there(gpu_machine: GpuMachine, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_gpu(words)
    assert "0 rtsr test double 0" in caught.value.mend
    assert "--device cpu" in caught.value.mend


def test_a_hidden_gpu_is_there_and_cannot_be_used(
    gpu_machine: GpuMachine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu_machine.set_cards(card(0), card(1, "NVIDIA RTX 4070"))
    gpu_machine.set_shown(1)
    monkeypatch.setenv(VISIBLE, "0")
    with pytest.raises(BackendError, match=r"NVIDIA RTX 4070 is here, .*\(CUDA_VISIBLE_DEVICES=0\)") as caught:
        find_gpu("4070")
    assert caught.value.exit_code == 5
    shown, hidden = list_devices()
    assert (shown.ordinal, shown.hindrance) == (0, "")
    assert (hidden.ordinal, hidden.name) == (None, "NVIDIA RTX 4070")
    assert "hidden by CUDA_VISIBLE_DEVICES" in hidden.hindrance


def test_hiding_all_is_told_for_what_it_is(
    gpu_machine: GpuMachine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu_machine.set_shown(0)
    monkeypatch.setenv(VISIBLE, "")
    with pytest.raises(BackendError, match=r"CUDA_VISIBLE_DEVICES= hides every GPU \(rtsr test double 0\)"):
        usable_gpus()
    (hidden,) = list_devices()
    assert hidden.mend == "unset CUDA_VISIBLE_DEVICES"


def test_a_gpu_without_a_library_is_told_with_the_command(
    gpu_machine: GpuMachine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name.startswith("cuda") else real(name))
    monkeypatch.setattr(devices, "list_gpus", lambda: (_ for _ in ()).throw(BackendError("no bindings", mend="?")))
    with pytest.raises(BackendError, match="rtsr test double 0 is here, and no library to use it") as caught:
        usable_gpus()
    assert caught.value.mend == 'pip install "rtsr[tensorrt]"'


def test_a_gpu_too_old_for_tensorrt_is_left_to_others(gpu_machine: GpuMachine) -> None:
    gpu_machine.driver.set_capability("6.1")
    missing = absence("tensorrt", Upscale())
    assert missing is not None
    assert "this one has 6.1" in missing.problem
    gpu_machine.driver.set_capability("12.0")
    assert absence("tensorrt", Upscale()) is None


def test_the_list_tells_what_a_gpu_is(gpu_machine: GpuMachine) -> None:
    (one,) = list_devices()
    assert (one.ordinal, one.capability, one.memory_bytes) == (0, "8.9", 1 << 30)
    assert one.uuid.startswith("GPU-1111")
    assert one.free_bytes == 1 << 30
    assert "580.65" in one.driver
    assert "CUDA" in one.driver
    assert free_bytes(find_gpu("0")) == 1 << 30


@pytest.mark.parametrize("pci", [("0x10de", "0x030000"), ("0x10de", "0x030200")])
def test_a_card_without_its_driver_is_seen_in_the_machine(tmp_path: Path, pci: tuple[str, str]) -> None:
    for name, (vendor, kind) in {"a": ("0x8086", "0x030000"), "b": ("0x10de", "0x040300"), "c": pci}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(f"{vendor}\n")
        (tmp_path / name / "class").write_text(f"{kind}\n")
    assert "its driver cannot be used" in devices._without_driver(tmp_path).problem
    (tmp_path / "c" / "class").unlink()
    assert "there is no NVIDIA driver here" in devices._without_driver(tmp_path).problem
    assert "there is no NVIDIA driver here" in devices._without_driver(tmp_path / "nothing").problem


def test_memory_of_the_machine_is_what_linux_would_give(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  8000 kB\nMemFree:  100 kB\nMemAvailable:    4000 kB\nodd line\n")
    assert devices._available_bytes(tmp_path / "meminfo") == 4000 * 1024
    assert devices._available_bytes(tmp_path / "none") is None


def test_a_torch_for_the_cpu_is_not_taken_for_one_for_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch" / "lib").mkdir(parents=True)
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('it must not be imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "torch", raising=False)
    missing = devices.absence("torch")
    assert missing is not None
    assert "on the CPU alone" in missing.problem
    (tmp_path / "torch" / "lib" / "libtorch_cuda.so").touch()
    assert devices.absence("torch") is None


@pytest.mark.skipif(HERE, reason="this machine has an NVIDIA driver")
def test_without_a_driver_every_gpu_backend_says_so_with_code_5() -> None:
    for name in ON_GPU:
        missing = absence(name, Upscale(backend=name))
        assert missing is not None
        assert "no NVIDIA" in missing.problem
    assert list_devices() == ()
    for options in (Upscale(backend="tensorrt"), Upscale(require="gpu"), Upscale(device="0"), Upscale(device="RTX")):
        with pytest.raises(BackendError) as caught:
            refuse_absent(options)
        assert caught.value.exit_code == 5
        assert caught.value.mend
    refuse_absent(Upscale())
    refuse_absent(Upscale(device="cpu"))


ALL = ("tensorrt", "torch", "openvino", "bicubic")


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, ALL),
        ({"device": "cpu"}, ("openvino", "bicubic")),
        ({"device": "0"}, ("tensorrt", "torch")),
        ({"require": "gpu"}, ("tensorrt", "torch")),
        ({"require": "torch"}, ("torch",)),
        ({"require": "openvino"}, ("openvino",)),
        ({"require": "gpu", "device": "RTX"}, ("tensorrt", "torch")),
        ({"backend": "torch", "require": "gpu"}, ("torch",)),
        ({"backend": "openvino", "device": "cpu"}, ("openvino",)),
        ({"backend": "tensorrt", "device": "cpu"}, None),
        ({"backend": "openvino", "device": "0"}, None),
        ({"backend": "bicubic", "require": "gpu"}, None),
        ({"backend": "torch", "require": "tensorrt"}, None),
        ({"require": "gpu", "device": "cpu"}, None),
        ({"require": "openvino", "device": "0"}, None),
    ],
)
def test_what_is_named_narrows_the_choice(options: dict[str, str], wanted: tuple[str, ...] | None) -> None:
    asked = Upscale(**options)  # type: ignore[arg-type]
    if wanted is not None:
        assert candidates(asked) == wanted
        return
    with pytest.raises(UsageError, match="contradict each other") as caught:
        candidates(asked)
    assert all(word in caught.value.problem for pair in options.items() for word in pair)
