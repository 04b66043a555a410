"""`rtsr encode --cluster`: the same bytes as one machine makes, whoever is lost on the way."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtsr.cli import main
from tests.films import film
from tests.system.clusters import ROOT, Cluster, free_port, wait_for

pytest.importorskip("distributed", reason='dask.distributed is not installed: pip install "rtsr[cluster]"')
SETTINGS = ("-crf", "30", "-preset", "veryfast")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 seconds, so eight segments."""
    return film(tmp_path_factory.mktemp("clip") / "clip.mp4", options={"g": "25"}, times=range(1000), size=(160, 90))


@pytest.fixture(scope="module")
def alone(clip: Path) -> bytes:
    """What one process of one machine makes of it."""
    output = clip.with_name("alone.mp4")
    assert main(["encode", str(clip), str(output), *SETTINGS]) == 0
    return output.read_bytes()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and two workers, one of which has a `gpu`."""
    there = Cluster(tmp_path_factory.mktemp("cluster"))
    there.start_scheduler()
    try:
        there.start_worker("--resources", "gpu=1")
        there.start_worker()
        yield there
    finally:
        there.close()


def run(clip: Path, output: Path, *options: str, timeout: float = 150) -> tuple[int, str]:
    """Exit code, and what was said."""
    command = [sys.executable, "-m", "rtsr", "encode", str(clip), str(output), *SETTINGS, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_cluster_makes_the_very_file_that_one_machine_makes(
    cluster: Cluster, clip: Path, alone: bytes, tmp_path: Path
) -> None:
    code, told = run(clip, tmp_path / "out.mp4", "--cluster", cluster.address)
    assert code == 0, told + cluster.log()
    assert "1000 frames" in told
    assert (tmp_path / "out.mp4").read_bytes() == alone


def test_a_lost_worker_and_a_restarted_scheduler_cost_no_film(clip: Path, alone: bytes, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    there = Cluster(tmp_path)
    there.start_scheduler()
    try:
        victim = there.start_worker()
        there.start_worker()
        command = [sys.executable, "-m", "rtsr", "encode", str(clip), str(output), *SETTINGS, "-preset", "slow"]
        job = subprocess.Popen([*command, "--cluster", there.address], stderr=subprocess.PIPE, text=True, cwd=ROOT)

        def finished(count: int) -> bool:
            assert job.poll() is None, (job.stderr.read() if job.stderr else "") + there.log()
            return len(list(tmp_path.glob("out.mp4.rtsr/*.segment"))) >= count

        wait_for(lambda: finished(1), "the first segment")
        victim.send_signal(signal.SIGKILL)
        victim.wait(10)
        wait_for(lambda: finished(3), "the third segment")
        there.scheduler.send_signal(signal.SIGKILL)
        there.scheduler.wait(10)
        there.end(there.workers[1])  # dask's workers end with their scheduler; whoever supervises them starts them anew
        there.start_scheduler()
        there.start_worker()
        told = job.communicate(timeout=120)[1]
        assert job.returncode == 0, told + there.log()
        assert "has gone; waiting for it" in told
    finally:
        there.close()
    single = clip.with_name("slow.mp4")
    assert main(["encode", str(clip), str(single), *SETTINGS, "-preset", "slow"]) == 0
    assert output.read_bytes() == single.read_bytes()
    assert not list(tmp_path.glob("*.rtsr"))


def test_a_stopped_encode_frees_the_workers_and_goes_on_without_them(
    cluster: Cluster, clip: Path, alone: bytes, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    command = [sys.executable, "-m", "rtsr", "encode", str(clip), str(output), *SETTINGS]
    job = subprocess.Popen([*command, "--cluster", cluster.address], stderr=subprocess.PIPE, text=True, cwd=ROOT)
    wait_for(lambda: list(tmp_path.glob("*.rtsr/*.segment")), "a segment")
    job.send_signal(signal.SIGTERM)
    told = job.communicate(timeout=60)[1]
    assert job.returncode == 75, told
    code, told = run(clip, output)
    assert code == 0, told
    assert "going on after" in told
    assert output.read_bytes() == alone


def test_segments_may_come_home_by_a_storage(cluster: Cluster, clip: Path, alone: bytes, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    code, told = run(
        clip, tmp_path / "out.mp4", "--cluster", cluster.address, "--cluster-storage", f"file://{storage}",
        "--cluster-resources", "gpu=1",
    )  # fmt: skip
    assert code == 0, told + cluster.log()
    assert "by 1 workers" in told
    assert (tmp_path / "out.mp4").read_bytes() == alone
    assert not list(storage.iterdir()), "nothing is left there"


def test_a_worker_with_another_version_is_named_and_not_used(
    clip: Path, alone: bytes, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "sitecustomize.py").write_text("import rtsr\nrtsr.__version__ = '0.0.9'\n")
    there = Cluster(tmp_path_factory.mktemp("cluster"))
    there.start_scheduler()
    try:
        there.start_worker(before=str(other))
        code, told = run(clip, tmp_path / "out.mp4", "--cluster", there.address)
        assert code == 5, told + there.log()
        assert "-> 0.0.9" in told
        assert "install the same rtsr" in told
        there.start_worker()
        code, told = run(clip, tmp_path / "out.mp4", "--cluster", there.address)
    finally:
        there.close()
    assert code == 0, told + there.log()
    assert "worker tcp://127.0.0.1" in told
    assert "is not used: the job's settings are not those of here: rtsr" in told
    assert (tmp_path / "out.mp4").read_bytes() == alone


def test_tls_is_used_when_it_is_given(clip: Path, alone: bytes, tmp_path: Path) -> None:
    authority, certificate, key = certificates(tmp_path)
    there = Cluster(tmp_path, tls=(authority, certificate, key))
    there.start_scheduler()
    try:
        there.start_worker()
        code, told = run(clip, tmp_path / "without.mp4", "--cluster", there.address)
        assert code == 2, told
        assert "add --cluster-tls" in told
        trust = ",".join(map(str, (authority, certificate, key)))
        code, told = run(clip, tmp_path / "out.mp4", "--cluster", there.address, "--cluster-tls", trust)
    finally:
        there.close()
    assert code == 0, told + there.log()
    assert (tmp_path / "out.mp4").read_bytes() == alone


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """An authority of our own that vouches for itself."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    try:
        subprocess.run([*make, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
                       capture_output=True, check=True, timeout=60)  # fmt: skip
    except FileNotFoundError:
        pytest.skip("openssl is not installed, and makes the certificates")
    return certificate, certificate, key


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--cluster", "tcp://192.0.2.7:8786"], 2, "open to the network"),
        (["--cluster", "192.0.2.7"], 2, "--insecure"),
        (["--cluster", "http://127.0.0.1:8786"], 2, "http:// is not supported"),
        (["--cluster", "127.0.0.1:99999"], 2, "is no address"),
        (["--cluster", "tls://127.0.0.1:8786", "--cluster-tls", "a.pem"], 2, "not three files"),
        (["--cluster", "tls://127.0.0.1:8786", "--cluster-tls", "a.pem,b.pem,c.pem"], 2, "does not exist"),
        (["--cluster", "127.0.0.1:8786", "--cluster-resources", "gpu"], 2, "write for example gpu=1"),
        (["--cluster", "NOBODY"], 5, "no scheduler answers"),
        (["--cluster", "HERE", "--cluster-resources", "gpu=2"], 5, "has gpu=2"),
        (["--cluster", "HERE", "--cluster-storage", "s3://bucket"], 5, "rtsr[cluster]"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_frame(
    options: list[str], code: int, words: str, cluster: Cluster, clip: Path, tmp_path: Path
) -> None:
    places = {"HERE": cluster.address, "NOBODY": f"127.0.0.1:{free_port()}"}
    found, told = run(clip, tmp_path / "out.mp4", *(places.get(one, one) for one in options))
    assert found == code, told
    assert words in told
    assert not list(tmp_path.iterdir())


def test_without_the_extra_it_says_how_to_get_it(clip: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['distributed'] = None; from rtsr.cli import main; "
        f"sys.exit(main(['encode', {str(clip)!r}, {str(tmp_path / 'out.mp4')!r}, '--cluster', '127.0.0.1:8786']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 5, done.stderr
    assert 'pip install "rtsr[cluster]"' in done.stderr


def test_an_input_may_be_a_url_of_fsspec(
    clip: Path, alone: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fsspec = pytest.importorskip("fsspec", reason='fsspec is not installed: pip install "rtsr[cluster]"')
    fsspec.filesystem("memory").pipe("/films/clip.mp4", clip.read_bytes())
    command = ["encode", "memory://films/clip.mp4", str(tmp_path / "out.mp4"), *SETTINGS]
    assert main(command) == 3
    assert "add --protocols memory" in capfd.readouterr().err
    assert main([*command, "--protocols", "memory"]) == 0
    assert (tmp_path / "out.mp4").read_bytes() == alone
    command[1] = "memory://films/other.mp4"
    assert main([*command, "-y", "--protocols", "memory"]) == 3
    assert "does not exist" in capfd.readouterr().err
