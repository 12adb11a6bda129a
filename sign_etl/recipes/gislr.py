"""GISLR: isolated ASL signs as MediaPipe keypoints, of the Kaggle competition `asl-signs` (2023).

    https://www.kaggle.com/competitions/asl-signs

`train.csv` has the columns `path, participant_id, sequence_id, sign`, one Parquet file a sequence
(543 points a frame; no videos), and `sign_to_prediction_index_map.json` numbers the 250 signs. No
split was published: hold signers out. The files tell no frame rate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.errors import AnnotationError
from sign_etl.core.files import write_bytes, write_json
from sign_etl.recipes.annotation_files import ANEW, load_json, wrong_row
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions
from sign_etl.recipes.cells import Ids, need, need_columns
from sign_etl.recipes.index_files import index_file, optional_file
from sign_etl.recipes.tabular import read_table
from sign_etl.schema.clip import Clip, Source, clip_key
from sign_etl.schema.keypoint_set import FORMAT_LAYOUTS, KeypointSet

TABLE = "train.csv"
NUMBERS = "sign_to_prediction_index_map.json"
_FORMAT = "gislr"


class Gislr(BaseRecipe):
    """The recipe."""

    name = "gislr"
    version = "1"
    card = DatasetCard(
        title="GISLR: Google Isolated Sign Language Recognition",
        homepage="https://www.kaggle.com/competitions/asl-signs",
        language="ase",
        task="isolated",
        licence="see the rules of the competition",
        access="login",
        citation="Google: Isolated Sign Language Recognition. Kaggle 2023",
        layout_evidence="docs",
        notes=(
            "Keypoints only (MediaPipe Holistic, 543 points a frame), no videos.",
            "No split was published: hold signers out.",
        ),
        how_to="Accept the rules on Kaggle, download the files there and name their folder with "
        "--media.",
    )

    def keypoints(self, options: RecipeOptions) -> KeypointSet:
        """See `Recipe`."""
        return KeypointSet(str(FORMAT_LAYOUTS[_FORMAT]))

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """The signs in the order of the competition's numbers, where the file is there.

        Raises:
            AnnotationError: the file is no such list.
        """
        path = optional_file(root, options, NUMBERS)
        if path is None:
            return None
        numbers = load_json(path)
        if not isinstance(numbers, dict) or sorted(numbers.values()) != list(range(len(numbers))):
            raise AnnotationError(f"{path.name}: does not number the signs from 0", hint=ANEW)
        return sorted(numbers, key=numbers.__getitem__)

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`."""
        table = read_table(index_file(root, options, TABLE), key_column="path")
        need_columns(table, "path", "participant_id", "sequence_id", "sign")
        ids = Ids()
        for row in table.rows:
            path = need(table, row, "path")
            if path.startswith("/") or ".." in path.split("/"):
                raise wrong_row(table, row, f"`path` is `{path}`, outside of the folder")
            sequence = ids.add(need(table, row, "sequence_id"), table, row)
            sign = need(table, row, "sign")
            yield Clip(
                key=clip_key(dataset, sequence, path, slug=f"{sign}-{sequence}"),
                dataset=dataset,
                annotation_id=sequence,
                source=Source(
                    id=path, names=(path, path.rpartition("/")[2]), trimmed=True, keypoints=_FORMAT
                ),
                label=sign,
                language="ase",
                signer=row.cells["participant_id"],
            )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Four sequences of two signs by two signers."""
        rows = ["path,participant_id,sequence_id,sign"]
        for number, sign in enumerate(("blow", "wait", "blow", "wait")):
            signer, sequence = 26734 + number // 2, 1_000_035_562 + number
            path = f"train_landmark_files/{signer}/{sequence}.parquet"
            write_sequence(root / path, frames=5 + number, first=20 * number, seed=number)
            rows.append(f"{path},{signer},{sequence},{sign}")
        write_bytes(root / TABLE, ("\n".join(rows) + "\n").encode())
        write_json(root / NUMBERS, {"wait": 1, "blow": 0})
        return {"media": root}


RECIPE: Recipe = Gislr()


def write_sequence(path: Path, *, frames: int, first: int, seed: int) -> None:
    """A file as the competition has them: the left hand is never found."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from sign_etl.recipes.fixture_keypoints import waving

    parts = (("face", 468), ("left_hand", 21), ("pose", 33), ("right_hand", 21))
    types = [name for name, size in parts for _ in range(size)]
    places = [index for _, size in parts for index in range(size)]
    points = waving(frames, len(types), seed=seed).astype(np.float64)
    points[:, 468:489] = np.nan
    rows = [
        (frame + first, f"{frame + first}-{kind}-{place}", kind, place)
        for frame in range(frames)
        for kind, place in zip(types, places, strict=True)
    ]
    flat = points.reshape(-1, 2)
    columns = [pa.array(list(column)) for column in zip(*rows, strict=True)]
    table = pa.table(
        {
            "frame": columns[0].cast(pa.int16()),
            "row_id": columns[1],
            "type": columns[2],
            "landmark_index": columns[3].cast(pa.int16()),
            "x": flat[:, 0],
            "y": flat[:, 1],
            "z": np.where(np.isnan(flat[:, 0]), np.nan, -0.1),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
