"""One run of one loader, in the environment of that loader: prints a line of JSON.

python loader_peers.py PEER DATA WORKERS
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import resource
import sys
import time
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch

BATCH = 32
SHUFFLED = 512
STREAM = Path(__file__).resolve().parents[2] / "sign_etl" / "stream"
NPY = "made.npy"
Batch = tuple[Any, Any, Any]


def load(name: str) -> Any:
    """A module of the loader that needs nothing but numpy and torch, by its path."""
    spec = importlib.util.spec_from_file_location(name, STREAM / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


decode_npy = load("npy").decode_npy
padding = load("padding")


def decode(sample: dict[str, Any]) -> tuple[Any, int]:
    return decode_npy(sample[NPY]), int(json.loads(sample["json"])["label_id"])


def decode_fields(sample: dict[str, Any]) -> tuple[Any, int]:
    return decode_npy(bytes(sample["keypoints"])), int(sample["label"])  # litdata: a memoryview


def collate(samples: list[tuple[Any, int]]) -> Batch:
    values, mask = padding.pad([array for array, _ in samples])
    return values, mask, torch.tensor([label for _, label in samples])


def collate_fields(samples: list[dict[str, Any]]) -> Batch:
    return collate([decode_fields(sample) for sample in samples])


def torch_loader(dataset: Any, workers: int, how: Any = collate, **options: Any) -> Any:
    return torch.utils.data.DataLoader(
        dataset,
        batch_size=BATCH,
        collate_fn=how,
        num_workers=workers,
        prefetch_factor=3 if workers else None,
        **options,
    )


def shards(data: Path) -> list[str]:
    return [str(path) for path in sorted((data / "build").glob("train/*.tar"))]


def fields(data: Path) -> Iterator[dict[str, Any]]:
    """All samples of the build, for the formats of others; the same bytes."""
    import tarfile

    for shard in shards(data):
        with tarfile.open(shard) as tar:
            sample: dict[str, Any] = {}
            for member in tar:
                key, _, ext = member.name.partition(".")
                content = tar.extractfile(member)
                assert content is not None
                sample[ext] = content.read()
                if len(sample) == 2:
                    label = int(json.loads(sample["json"])["label_id"])
                    yield {"key": key, "label": label, "keypoints": sample[NPY]}
                    sample = {}


def sign_etl(data: Path, workers: int) -> Iterator[Batch]:
    from sign_etl.stream.index import open_index
    from sign_etl.stream.loader import Stream
    from sign_etl.stream.plan import Batching
    from sign_etl.stream.pose_view import PoseView

    stream = Stream(
        open_index([data / "build"]), {"pose": PoseView()}, Batching(samples=BATCH), check="never"
    )
    with stream.loader(workers=workers) as loader:
        for step in loader.epoch(0):
            for batch in step:
                yield batch.views["pose"], batch.masks["pose"], batch.label_id


def webdataset(data: Path, workers: int) -> Iterable[Batch]:
    import webdataset as wds

    dataset = wds.WebDataset(shards(data), shardshuffle=100, seed=1).shuffle(SHUFFLED).map(decode)
    return torch_loader(dataset, workers)


def wids(data: Path, workers: int) -> Iterable[Batch]:
    import wids as package

    counts: dict[str, int] = json.loads((data / "shards.json").read_text())
    listed = [{"url": str(data / "build" / n), "nsamples": c} for n, c in counts.items()]
    dataset = package.ShardListDataset(listed, transformations=[])
    sampler = package.ChunkedSampler(dataset, chunksize=1000, shuffle=True)
    return torch_loader(dataset, workers, _collate_wids, sampler=sampler)


def _collate_wids(samples: list[dict[str, Any]]) -> Batch:
    read = [(s[f".{NPY}"].read(), s[".json"].read()) for s in samples]
    return collate(
        [(decode_npy(array), int(json.loads(about)["label_id"])) for array, about in read]
    )


def litdata(data: Path, workers: int) -> Iterable[Batch]:
    import litdata as package

    target = data / "litdata"
    if not (target / "index.json").exists():
        from litdata.streaming.cache import Cache

        cache = Cache(str(target), chunk_bytes=16 << 20)
        count = 0
        for count, sample in enumerate(fields(data)):
            cache[count] = sample
        cache.done()
        cache.merge()
    dataset = package.StreamingDataset(str(target), shuffle=True, seed=1)
    options: dict[str, Any] = {"prefetch_factor": 3} if workers else {}
    return package.StreamingDataLoader(
        dataset, batch_size=BATCH, num_workers=workers, collate_fn=collate_fields, **options
    )


def mosaicml_streaming(data: Path, workers: int) -> Iterable[Batch]:
    from streaming import MDSWriter, StreamingDataset

    target = data / "mds"
    if not (target / "index.json").exists():
        columns = {"key": "str", "label": "int", "keypoints": "bytes"}
        with MDSWriter(out=str(target), columns=columns, size_limit="16mb") as writer:
            for sample in fields(data):
                writer.write(sample)
    dataset = StreamingDataset(local=str(target), shuffle=True, shuffle_seed=1, batch_size=BATCH)
    return torch_loader(dataset, workers, collate_fields)


def energon(data: Path, workers: int) -> Iterator[Batch]:
    import subprocess

    import megatron.energon as package

    build = data / "energon"
    if not (build / ".nv-meta" / "dataset.yaml").exists():
        build.mkdir(exist_ok=True)
        for shard in shards(data):
            link = build / Path(shard).name
            if not link.exists():
                link.symlink_to(shard)
        tool = Path(sys.executable).with_name("energon")
        subprocess.run(
            [tool, "prepare", build, "--split-parts", "train:.*", "--non-interactive"],
            check=True,
            capture_output=True,
            input=b"",
        )
        (build / ".nv-meta" / "dataset.yaml").write_text(
            "__module__: megatron.energon\n__class__: CrudeWebdataset\nsubflavors: {}\n"
        )

    @package.edataclass
    class Raw(package.Sample):  # type: ignore[misc]
        array: bytes
        about: bytes

    @package.stateless
    def cook(sample: Any) -> Any:
        return Raw(**package.basic_sample_keys(sample), array=sample[NPY], about=sample["json"])

    class Encoder(package.DefaultTaskEncoder):  # type: ignore[misc]
        decoder = None
        cookers: ClassVar[list[Any]] = [package.Cooker(cook)]

        @package.stateless
        def encode_sample(self, sample: Any) -> Any:
            return sample

        @package.stateless
        def batch(self, samples: list[Any]) -> Any:
            return collate([decode({NPY: s.array, "json": s.about}) for s in samples])

        @package.stateless
        def encode_batch(self, batch: Any) -> Any:
            return batch

    settings = package.WorkerConfig(rank=0, world_size=1, num_workers=workers)
    dataset = package.get_train_dataset(
        build,
        batch_size=BATCH,
        shuffle_buffer_size=SHUFFLED,
        max_samples_per_sequence=100,
        worker_config=settings,
        task_encoder=Encoder(),
        repeat=False,
    )
    yield from package.get_loader(dataset)


def memory(data: Path, workers: int) -> Iterable[Batch]:
    return torch_loader(list(fields(data)), workers, collate_fields, shuffle=True)


class NoTorchvision(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """An empty torchvision: some peers import it for pictures, and it must match torch's build."""

    def find_spec(self, name: str, *_: Any) -> Any:
        if name.partition(".")[0] != "torchvision":
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> Any:
        return EmptyModule(spec.name)

    def exec_module(self, module: Any) -> None:
        module.__version__ = "0.28.0"


class EmptyModule(types.ModuleType):
    """Has a class of every name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def main(peer: str, data: Path, workers: int) -> None:
    torch.set_num_threads(1)
    sys.meta_path.insert(0, NoTorchvision())
    make = globals()[peer.replace("-", "_")]
    began = time.perf_counter()
    samples = frames = padded = 0
    first = 0.0
    # From the first batch on: how soon that comes is a figure of its own.
    for travelled, mask, _ in make(data, workers):
        values = padding.widen(travelled)
        if not samples:
            first = time.perf_counter()
        samples += len(values)
        frames += int(mask.sum())
        padded += mask.numel()
    seconds = time.perf_counter() - first
    usage = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    result = {
        "samples": samples,
        "samples_per_s": (samples - BATCH) / seconds,
        "first_batch_s": first - began,
        "padding_efficiency": frames / padded,
        "rss_bytes": max(each.ru_maxrss for each in usage) * 1024,
        "cpu_s": sum(each.ru_utime + each.ru_stime for each in usage),
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
