"""Lists of videos with class numbers, as VideoMAE (and the ICDM 2024 demo) and SignVLM read them.

    videos/KEY.mp4      SPLIT.csv: `videos/KEY.mp4 LABEL`      names.txt: `LABEL<tab>NAME`

VideoMAE parts the two with a blank, SignVLM with a tab (and calls its lists `.txt`). Neither has a
header. Keys hold no blanks, so no path breaks.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sign_etl.export.base import Selection, VideoUse, Written, need_classes

NAMES: Final = "names.txt"


@dataclass(frozen=True, slots=True)
class Lists:
    """Both formats: they differ in what stands between path and label."""

    name: str
    title: str
    read_by: str
    separator: str
    suffix: str
    video: VideoUse = "needed"
    poses: bool = False
    layout: str | None = None
    lost: str = "keypoints, signers and texts"

    def write(self, selection: Selection, folder: Path) -> Written:
        """See `Exporter`."""
        need_classes(selection, f"`{self.name}`")
        clips = skipped = 0
        with ExitStack() as stack:
            lists = {
                split: stack.enter_context(
                    (folder / f"{split}{self.suffix}").open("w", encoding="utf-8", newline="\n")
                )
                for split in selection.splits
            }
            for sample in selection.samples():
                if sample.label_id is None:
                    skipped += 1
                    continue
                file = f"videos/{sample.key}.mp4"
                lists[sample.split].write(f"{file}{self.separator}{sample.label_id}\n")
                selection.write_video(sample, folder / file)
                clips += 1
        names = (" ".join(label.split()) for label in selection.build.labels)
        lines = "".join(f"{number}\t{name}\n" for number, name in enumerate(names))
        (folder / NAMES).write_text(lines, encoding="utf-8", newline="\n")
        return Written(clips, skipped)


VIDEOMAE = Lists(
    name="videomae",
    title="VideoMAE and SLT-MAE lists of videos",
    read_by=(
        "`--data_path DIR --anno_path DIR` of VideoMAE and of the ICDM 2024 demo, which for GSL "
        "wants absolute paths. Back into sign-etl: `sign-etl ingest list-file --annotations DIR "
        "--media DIR --set dataset.names=names.txt`."
    ),
    separator=" ",
    suffix=".csv",
)
SIGNVLM = Lists(
    name="signvlm",
    title="SignVLM lists of videos",
    read_by=(
        "`--train_list_path DIR/train.txt --val_list_path DIR/val.txt --data_root DIR` of SignVLM "
        "and EVL. Back into sign-etl: `sign-etl ingest list-file --annotations DIR --media DIR "
        "--set dataset.names=names.txt`."
    ),
    separator="\t",
    suffix=".txt",
)
