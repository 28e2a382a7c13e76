"""What goes wrong on real machines: the workflow says what it is, and the next run makes it good."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
import yaml
from compiled import lend_compiled_code

ROOT = Path(__file__).parents[2]

CONFIG = {
    "structures": {"source": "prototypes", "limit": 24},
    "filter": {"max_volume": 120},
    "simulation": {"zone_axes": 4, "g_max": 1.5, "shards": 2},
    "peaks": {"q_max": 1.5},
    "evaluation": {"views": 4},
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what the workflow consists of, with locks and records of its own."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("workflow", "config", "profiles", "envs", "src"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    shutil.copy(ROOT / "Snakefile", folder)
    lend_compiled_code(folder / "src/edsym", os.environ["NUMBA_CACHE_DIR"])
    return folder


def command(config, *arguments):
    options = ["--cores", "2", "--profile", "profiles/local", "--configfile", str(config), *arguments]
    results = yaml.safe_load(config.read_text())["results"]
    return [sys.executable, "-m", "snakemake", f"{results}/split.parquet", *options]


def configure(folder):
    """Write a configuration whose results are in a folder, and return its path."""
    folder.mkdir(exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG | {"results": str(folder / "results")}))
    return path


def finish(checkout, config, *arguments, before=()):
    """Run the workflow to its end; return its exit status and what it said."""
    done = subprocess.run(
        [*before, *command(config, *arguments)], cwd=checkout, capture_output=True, text=True, timeout=900
    )
    return done.returncode, done.stdout + done.stderr


def start(checkout, config):
    """Start the workflow in a session of its own, and return when it has made a shard of patterns.

    On one core, so that it never makes both shards at once: the next one that is started makes the other.
    """
    patterns = config.parent / "results/patterns"
    before = set(patterns.glob("*.h5"))
    process = subprocess.Popen(
        command(config, "--cores", "1"),
        cwd=checkout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # which a shell that runs the tests in the background has switched off
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 600
    while not set(patterns.glob("*.h5")) - before:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    return process


def contents(config):
    """Return all numbers of the patterns and spots of a run, and the split."""
    results = config.parent / "results"
    found = {"split": (results / "split.parquet").read_bytes()}
    for path in sorted(results.glob("*/[0-9]*.h5")):
        with h5py.File(path) as file:
            file.visititems(
                lambda name, item, path=path: (
                    found.update({(path.parent.name, path.name, name): item[()].tobytes()})
                    if isinstance(item, h5py.Dataset)
                    else None
                )
            )
    return found


@pytest.fixture(scope="module")
def complete(checkout, tmp_path_factory):
    """A run at which nothing went wrong."""
    config = configure(tmp_path_factory.mktemp("complete") / "run")
    status, text = finish(checkout, config)
    assert status == 0, text[-3000:]
    return config


@pytest.fixture(scope="module")
def expected(complete):
    return contents(complete)


@pytest.fixture
def restored(complete, tmp_path):
    """The results of that run elsewhere, where Snakemake has no records of them."""
    shutil.copytree(complete.parent / "results", tmp_path / "run/results")
    return configure(tmp_path / "run")


def test_an_interrupt_a_second_run_and_a_kill_are_made_good(checkout, expected, tmp_path):
    config = configure(tmp_path / "run")
    first = start(checkout, config)
    os.killpg(first.pid, signal.SIGINT)
    assert first.wait(timeout=60) != 0
    assert not (tmp_path / "run/results/split.parquet").exists()

    second = start(checkout, config)
    os.killpg(second.pid, signal.SIGSTOP)
    status, text = finish(checkout, config)
    assert status != 0 and "cannot be locked" in text and "--unlock" in text, text[-2000:]
    os.killpg(second.pid, signal.SIGKILL)
    second.wait()

    assert finish(checkout, config, "--unlock")[0] == 0
    status, text = finish(checkout, config)
    assert status == 0, text[-3000:]
    assert contents(config) == expected


def test_restored_results_beside_a_fresh_clone_are_not_made_again(checkout, restored):
    _, text = finish(checkout, restored, "--dry-run")
    assert "Nothing to be done" in text, text[-2000:]


def cut(path):
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)


def flip(where):
    """Return a function that turns one bit of a file, so far into its largest data."""

    def flip_bit(path):
        place = int(where * path.stat().st_size)
        if path.suffix == ".h5":
            with h5py.File(path) as file:
                data = []
                file.visititems(lambda _, item: data.append(item) if isinstance(item, h5py.Dataset) else None)
                chunk = max(data, key=lambda item: item.id.get_storage_size()).id.get_chunk_info(0)
                place = chunk.byte_offset + int(where * chunk.size)
        content = bytearray(path.read_bytes())
        content[place] ^= 1 << place % 8
        path.write_bytes(content)

    return flip_bit


@pytest.mark.parametrize(
    ("damaged", "missing"),
    [
        # read for the spots of one shard and the patterns of the other; one bit in many places is tried in
        # tests/unit/test_bit_flips.py
        (
            {"patterns/0000.h5": cut, "structures/selected.parquet": flip(0.5)},
            ("spots/0000.h5", "patterns/0001.h5", "spots/0001.h5"),
        ),
        ({"spots/0001.h5": cut}, ()),
    ],
)
def test_damaged_files_are_named_and_are_made_again_once_they_are_gone(
    checkout, expected, restored, damaged, missing
):
    results = restored.parent / "results"
    for name, damage in damaged.items():
        before = (results / name).stat()
        damage(results / name)
        os.utime(results / name, ns=(before.st_atime_ns, before.st_mtime_ns))
    for name in ("split.parquet", *missing):
        (results / name).unlink()
    status, text = finish(checkout, restored)
    assert status != 0
    for name in damaged:
        assert re.search(rf"ERROR: .*{name}", text), text[-3000:]
        (results / name).unlink()
    status, text = finish(checkout, restored)
    assert status == 0, text[-3000:]
    assert contents(restored) == expected


CAN_MOUNT = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not CAN_MOUNT, reason="needs user namespaces")
def test_a_full_disk_and_a_read_only_folder_are_told(checkout, expected, restored):
    """The patterns are on one that cannot be written, then on a small disk, then where they belong."""
    patterns = restored.parent / "results/patterns"
    for path in (patterns, patterns.with_name("spots")):
        shutil.rmtree(path)
    (patterns.parent / "split.parquet").unlink()
    patterns.mkdir()
    for options, message in (("ro", "Read-only file system"), ("size=16k", "No space left on device")):
        mount = f'mount -t tmpfs -o {options} none {patterns} && exec "$@"'
        status, text = finish(checkout, restored, before=["unshare", "-rm", "sh", "-c", mount, "sh"])
        assert status != 0 and message in text, text[-3000:]
        assert "unexpected error" not in text, text[-3000:]
    status, text = finish(checkout, restored)
    assert status == 0, text[-3000:]
    # Patterns that fitted went with the small disk; their spots are there.
    made = contents(restored)
    assert {key for key in expected if key not in made} <= {key for key in expected if key[0] == "patterns"}
    assert made == {key: expected[key] for key in made}
