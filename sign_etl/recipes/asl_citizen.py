"""ASL Citizen: isolated signs of American Sign Language, filmed by signers at home (NeurIPS 2023).

    https://www.microsoft.com/en-us/research/project/asl-citizen/

One archive with `ASL_Citizen/videos/*.mp4` and `ASL_Citizen/splits/{train,val,test}.csv`, columns
`Participant ID`, `Video file`, `Gloss`, `ASL-LEX Code`. What one must know to read it:

* The table says the gloss, never the file name: `...-REMEMBER.mp4` is `REMEMBER2`, some names end
  in `-seedGLOSS`, and one is `4.7299129501965353e-7-seedSOUR.mp4`, with dots of its own.
* Some glosses have blanks around them, which are no part of the class.
* Classes are glosses, not ASL-LEX codes: a few signs share a code (`extra["asl_lex_code"]`).
* Signer P46 often repeats the sign within a clip.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.files import write_bytes
from sign_etl.recipes.annotation_files import numbered
from sign_etl.recipes.base import Archive, BaseRecipe, DatasetCard, Recipe, RecipeOptions
from sign_etl.recipes.cells import need, need_columns
from sign_etl.recipes.index_files import missing, split_files
from sign_etl.recipes.tabular import read_table
from sign_etl.schema.clip import Clip, Source, clip_key

ARCHIVE_URL = (
    "https://download.microsoft.com/download/b/8/8/b88c0bae-e6c1-43e1-8726-98cf5af36ca4/"
    "ASL_Citizen.zip"
)
LICENCE_URL = "https://www.microsoft.com/en-us/research/project/asl-citizen/dataset-license/"
SPLIT_NAMES = {
    split: (f"splits/{split}.csv", f"ASL_Citizen/splits/{split}.csv", f"{split}.csv")
    for split in ("train", "val", "test")
}
SIGNER, FILE, GLOSS, CODE = "Participant ID", "Video file", "Gloss", "ASL-LEX Code"


class AslCitizen(BaseRecipe):
    """The recipe."""

    name = "asl-citizen"
    version = "1.0+1"
    card = DatasetCard(
        title="ASL Citizen 1.0",
        homepage="https://www.microsoft.com/en-us/research/project/asl-citizen/",
        language="ase",
        task="isolated",
        licence="ASL Citizen dataset licence (Microsoft Research)",
        access="direct",
        citation=(
            "Desai, Berger, Minakov, Milan, Singh, Pumphrey, Ladner, Daumé III, Lu, Caselli, "
            "Bragg: ASL Citizen: A Community-Sourced Dataset for Advancing Isolated Sign Language "
            "Recognition. NeurIPS 2023"
        ),
        clips=83_399,
        signers=52,
        download_bytes=45_924_134_223,
        layout_evidence="docs",
        notes=(
            "2,731 signs; the official splits share no signer.",
            "Unpacked it takes as much again as the archive.",
        ),
        terms=f"the dataset licence of ASL Citizen, {LICENCE_URL}",
    )

    def archives(self, options: RecipeOptions) -> tuple[Archive, ...]:
        """The one archive, tables and videos."""
        return (Archive(urls=(ARCHIVE_URL,)),)

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`. All three tables must be there unless --annotations names others.

        Raises:
            AnnotationError: a table is missing, or a row lacks something.
        """
        tables = split_files(root, options, SPLIT_NAMES)
        if options.annotations is None and len(tables) < len(SPLIT_NAMES):
            lost = set(SPLIT_NAMES) - {split for split, _ in tables}
            raise missing(options, sorted(f"{split}.csv" for split in lost))
        rows = []
        for split, path in tables:
            table = read_table(path, key_column=FILE, delimiter=",")
            need_columns(table, SIGNER, FILE, GLOSS)
            rows += [(split, table, row) for row in table.rows]
        files = [need(table, row, FILE) for _, table, row in rows]
        ids = numbered(file.removesuffix(".mp4") for file in files)
        for (split, table, row), file, annotation_id in zip(rows, files, ids, strict=True):
            gloss, code = need(table, row, GLOSS), row.cells.get(CODE)
            yield Clip(
                key=clip_key(dataset, annotation_id, file, slug=f"{gloss}-{annotation_id}"),
                dataset=dataset,
                annotation_id=annotation_id,
                source=Source(id=file, names=(f"videos/{file}", file)),
                split=split,
                label=gloss,
                gloss=gloss,
                language="ase",
                signer=need(table, row, SIGNER),
                extra={"asl_lex_code": code} if code else {},
            )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """The unpacked archive with five clips of three glosses and four signers."""
        from sign_etl.recipes.fixture_signing import write_clip

        folder = root / "ASL_Citizen"
        for split, rows in _FIXTURE.items():
            lines = [f"{SIGNER},{FILE},{GLOSS},{CODE}", *rows, ""]
            write_bytes(folder / "splits" / f"{split}.csv", "\r\n".join(lines).encode())
            for row in rows:
                signer, file = row.split(",")[:2]
                write_clip(folder / "videos" / file, seed=int(signer.removeprefix("P")))
        return {"media": root}


_FIXTURE = {
    "train": (
        "P1,15890366051589533-DOG.mp4,DOG1,C_01_001",
        "P2,4.7299129501965353e-7-seedSOUR.mp4,SOUR ,B_02_002",
        "P2,02990908042182-seedREMEMBER.mp4,REMEMBER,H_03_037",
    ),
    "val": ("P3,7036971412042-SOUR.mp4,SOUR,B_02_002",),
    "test": ("P4,11562742429028061-REMEMBER.mp4,REMEMBER2,C_02_014",),
}

RECIPE: Recipe = AslCitizen()
