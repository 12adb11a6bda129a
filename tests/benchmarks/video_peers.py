"""One run of one way to bring pictures to a training loop: prints a line of JSON.

python video_peers.py PEER DATA WORKERS

A peer named `-original` reads the files that were there before they were normalised.

All choose 16 frames, every fourth one from a random place, cut and resize them, and make batches of
8 clips as bytes. What differs is where a clip comes from and how its frames are decoded.
`webdataset` decodes as its own `torch_video` does: the member into a temporary file, all frames of
it by PyAV (torchvision's reader, which it calls, is gone from torchvision).

All but two resize with the function that sign-etl's view uses, which is the fastest one known here:
`pyav-pillow` with Pillow, as many training programs do, and `pyav-scaled` with PyAV's own scaler,
which goes from the decoder's picture to the small one in one pass (other pixels, no anti-aliased
chroma).
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sign_etl.stream.base import SampleRng
from sign_etl.stream.pictures import Frame
from sign_etl.stream.samplers import sampler

BATCH = 8
FRAMES, STRIDE, SIDE = 16, 4, 224
RULE = {"name": "circle", "frames": FRAMES, "stride": STRIDE}
FRAME = Frame((SIDE, SIDE), "short-side", SIDE, "torch")
BY_PILLOW = Frame((SIDE, SIDE), "short-side", SIDE, "pillow")


def chosen(total: int, key: str) -> list[int]:
    return sampler(RULE).choose(total, SampleRng(0, 0, key, "clip")).tolist()


def cut(pictures: Any, frame: Frame = FRAME) -> Any:
    height, width = pictures[0].shape[:2]
    [box] = frame.boxes(width, height)
    return torch.from_numpy(frame.pictures(pictures, box))


def by_decord(source: Any, key: str) -> Any:
    import decord

    reader = decord.VideoReader(source, ctx=decord.cpu(0), num_threads=1)
    return cut(reader.get_batch(chosen(len(reader), key)).asnumpy())


def by_pyav(source: Any, key: str) -> Any:
    return cut(_by_pyav(source, key, lambda frame: frame.to_ndarray(format="rgb24")))


def by_pyav_and_pillow(source: Any, key: str) -> Any:
    pictures = _by_pyav(source, key, lambda frame: frame.to_ndarray(format="rgb24"))
    return cut(pictures, BY_PILLOW)


def by_pyav_scaled(source: Any, key: str) -> Any:
    from av.video.reformatter import VideoReformatter

    scaler = VideoReformatter()

    def small(frame: Any) -> Any:
        scale = SIDE / min(frame.width, frame.height)
        width, height = round(frame.width * scale), round(frame.height * scale)
        made = scaler.reformat(frame, width, height, "rgb24", threads=1).to_ndarray()
        left, top = (width - SIDE) // 2, (height - SIDE) // 2
        return made[top : top + SIDE, left : left + SIDE]

    return torch.from_numpy(np.stack(_by_pyav(source, key, small)))


def _by_pyav(source: Any, key: str, picture: Any) -> list[Any]:
    """As its documentation has it: one frame after the other, until the last one is there."""
    import av

    with av.open(source) as film:
        stream = film.streams.video[0]
        stream.thread_count = 1
        wanted = chosen(stream.frames, key)
        last, found = max(wanted), {}
        for number, frame in enumerate(film.decode(stream)):
            if number in wanted:
                found[number] = picture(frame)
            if number == last:
                break
    return [found[number] for number in wanted]


def by_temporary_file(data: bytes, key: str) -> Any:
    import av

    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(data)
        file.flush()
        with av.open(file.name) as film:
            film.streams.video[0].thread_count = 1
            frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    return cut([frames[number] for number in chosen(len(frames), key)])


class Loose(torch.utils.data.Dataset[Any]):
    """Files in a folder."""

    def __init__(self, folder: Path, decode: Any) -> None:
        self.paths, self.decode = sorted(folder.glob("*.mp4")), decode

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> Any:
        path = self.paths[number]
        return self.decode(str(path), path.stem)


def torch_loader(dataset: Any, workers: int, **options: Any) -> Any:
    return torch.utils.data.DataLoader(
        dataset,
        batch_size=BATCH,
        num_workers=workers,
        prefetch_factor=3 if workers else None,
        **options,
    )


def sign_etl(data: Path, workers: int) -> Iterator[Any]:
    from sign_etl.stream.clip_view import ClipView
    from sign_etl.stream.index import open_index
    from sign_etl.stream.loader import Stream
    from sign_etl.stream.plan import Batching

    stream = Stream(
        open_index([data / "tars"]),
        {"clip": ClipView(sampler(RULE), size=SIDE)},
        Batching(samples=BATCH, micro_batches=1),
        check="never",
    )
    with stream.loader(workers=workers) as loader:
        for step in loader.epoch(0):
            for batch in step:
                yield batch.views["clip"]


LOOSE = {
    "decord": by_decord,
    "pyav": by_pyav,
    "pyav-pillow": by_pyav_and_pillow,
    "pyav-scaled": by_pyav_scaled,
}


def loose(peer: str, data: Path, workers: int) -> Iterable[Any]:
    kind = peer.removesuffix("-original")
    folder = data / ("loose" if kind == peer else "original")
    return torch_loader(Loose(folder, LOOSE[kind]), workers, shuffle=True)


def webdataset(data: Path, workers: int) -> Iterable[Any]:
    return _webdataset(data, workers, by_temporary_file)


def webdataset_decord(data: Path, workers: int) -> Iterable[Any]:
    return _webdataset(data, workers, _from_memory)


def _from_memory(data: bytes, key: str) -> Any:
    import io

    return by_decord(io.BytesIO(data), key)


def _webdataset(data: Path, workers: int, decode: Any) -> Iterable[Any]:
    import webdataset as wds

    tars = [str(path) for path in sorted((data / "tars").glob("*.tar"))]
    dataset = wds.WebDataset(tars, shardshuffle=100, seed=1).shuffle(32)
    return torch_loader(dataset.map(_Decoded(decode)), workers)


class _Decoded:
    def __init__(self, decode: Any) -> None:
        self.decode = decode

    def __call__(self, sample: dict[str, Any]) -> Any:
        return self.decode(sample["mp4"], sample["__key__"])


def cpu_s() -> float:
    """Of this process and all that have come out of it (Linux)."""
    ticks, waiting = 0, [os.getpid()]
    while waiting:
        number = waiting.pop()
        try:
            fields = Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()
            tasks = list(Path(f"/proc/{number}/task").glob("*/children"))
            waiting += [int(word) for task in tasks for word in task.read_text().split()]
        except FileNotFoundError:
            continue  # it has ended meanwhile
        ticks += sum(map(int, fields[11:15]))  # its own and those of the ended ones
    return ticks / os.sysconf("SC_CLK_TCK")


def main(peer: str, data: Path, workers: int) -> None:
    torch.set_num_threads(1)
    packed = {
        "sign-etl": sign_etl,
        "webdataset": webdataset,
        "webdataset-decord": webdataset_decord,
    }
    began, clips, first, spent, so_far = time.perf_counter(), 0, 0.0, 0.0, 0.0
    batches = packed[peer](data, workers) if peer in packed else loose(peer, data, workers)
    for batch in batches:
        assert batch.dtype == torch.uint8
        assert batch.shape[1:] == (FRAMES, SIDE, SIDE, 3)
        if not clips:
            first, spent = time.perf_counter(), cpu_s()
        clips += len(batch)
        so_far = cpu_s()  # workers are gone after the last batch
    seconds = time.perf_counter() - first
    usage = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    result = {
        "clips": clips,
        "frames_per_s": (clips - BATCH) * FRAMES / seconds,
        "first_batch_s": first - began,
        "rss_bytes": max(each.ru_maxrss for each in usage) * 1024,
        "cpu_ms_per_clip": 1e3 * (so_far - spent) / (clips - BATCH),
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
