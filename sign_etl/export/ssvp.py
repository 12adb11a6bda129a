"""SSVP-SLT: manifests of sentences and the videos they belong to.

    manifests/SPLIT.tsv             video_name <tab> duration <tab> caption, no header
    videos/NAME[:5]/NAME.mp4

Captions are not quoted: line breaks and tabs in them become blanks. SSVP-SLT nests its videos by
the first five characters of their names, which are the same for most keys of one build.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sign_etl.export.base import Selection, VideoUse, Written, sentence_of


@dataclass(frozen=True, slots=True)
class Ssvp:
    """The format."""

    name: str = "ssvp"
    title: str = "SSVP-SLT manifests and videos"
    read_by: str = (
        "`manifests` and `videos` as the pre-training of SSVP-SLT reads them. Back into sign-etl: "
        "`sign-etl ingest ssvp-tsv --media DIR`."
    )
    video: VideoUse = "needed"
    poses: bool = False
    layout: str | None = None
    lost: str = "keypoints, classes and signers"

    def write(self, selection: Selection, folder: Path) -> Written:
        """See `Exporter`."""
        clips = skipped = 0
        (folder / "manifests").mkdir()
        with ExitStack() as stack:
            manifests = {
                split: stack.enter_context(
                    (folder / "manifests" / f"{split}.tsv").open(
                        "w", encoding="utf-8", newline="\n"
                    )
                )
                for split in selection.splits
            }
            for sample in selection.samples():
                caption = sentence_of(sample)
                if caption is None:
                    skipped += 1
                    continue
                duration_s = sample.frames / sample.fps
                manifests[sample.split].write(f"{sample.key}\t{duration_s:.3f}\t{caption}\n")
                file = f"videos/{sample.key[:5]}/{sample.key}.mp4"
                selection.write_video(sample, folder / file)
                clips += 1
        return Written(clips, skipped)


FORMAT = Ssvp()
