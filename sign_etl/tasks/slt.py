"""Signs to text: translation, continuous recognition, and recognition as text, in one task.

What is written differs (the sentence, the glosses, the name of the class), the loss does not: cross
entropy of the next token. Evaluation writes by beam search, without any randomness.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError
from sign_etl.core.files import write_bytes, write_json
from sign_etl.models.base import Crops, ModelPlugin
from sign_etl.models.hand_pictures import HandCrops
from sign_etl.models.unisign import IGNORED, UniSignOptions, tokenizer_of
from sign_etl.schema.pipeline import Settings
from sign_etl.stream.base import Batch, Filled
from sign_etl.tasks.base import (
    VIEW,
    DataFacts,
    Exportable,
    Losses,
    ModelTask,
    Rows,
    Task,
    normalised,
)
from sign_etl.tasks.intervals import Interval, of_texts
from sign_etl.tasks.text_metrics import Unit, class_accuracy, score_texts

Target = Literal["text", "gloss", "label"]
LONGEST_REFERENCE = 1024
"""Characters of a reference that are kept for scoring."""
LONGEST_KEY = 96
"""Characters of a clip's key."""
CHOSEN = {"text": ("bleu4", "max"), "gloss": ("wer", "min"), "label": ("top1", "max")}
"""What chooses the best checkpoint, by target."""


class SltOptions(Settings):
    """Options of the task `slt`."""

    target: Target = "text"
    """What is written: the sentence, the glosses, or the name of the class."""
    language: str = "English"
    """The written language, as the prompt names it."""
    prompt: str = "Translate sign language video to {language}: "
    """What stands before the poses."""
    unit: Unit = "word"
    """What scores count: words, or characters where words are not written apart."""
    label_smoothing: float = Field(default=0.2, ge=0, lt=1)
    """Share of the target that is spread over the vocabulary."""
    max_target_tokens: int = Field(default=50, ge=2)
    """Longer targets are cut in training."""
    beams: int = Field(default=4, ge=1)
    """Width of the search."""
    max_new_tokens: int = Field(default=100, ge=1)
    """Longest text that is written."""


class Slt(ModelTask):
    """The task, see `Task`. The score of a keypoint is an input of the model."""

    metric, mode = CHOSEN["text"]
    options: SltOptions = SltOptions()
    language_model: str = ""
    half = False  # T5 overflows in fp16

    @property
    def needs(self) -> Filled:
        """See `Task`."""
        return self.options.target

    def step(self, model: nn.Module, batch: Batch) -> Losses:
        """Cross entropy with smoothing, summed over the tokens of the targets."""
        labels = self._labels(batch)
        crops = self._crops(batch)
        logits = model(*self._poses(batch), self._prompt(batch), labels, crops).float()
        # Filler has no text: its weight of 0 keeps its end token out.
        kept = (labels != IGNORED) & (batch.weight > 0)[:, None]
        each = nn.functional.cross_entropy(
            logits.transpose(1, 2),
            labels,
            ignore_index=IGNORED,
            reduction="none",
            label_smoothing=self.options.label_smoothing,
        )
        weighted = each * batch.weight[:, None] * kept
        right = (logits.argmax(-1) == labels) & kept
        return Losses(
            loss_sum=weighted.sum(),
            weight=float((batch.weight[:, None] * kept).sum()),
            sums={"token_accuracy": float((right * batch.weight[:, None]).sum())},
        )

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Written tokens and, as code points, the reference of every clip; and its class."""
        tokenizer = tokenizer_of(self.language_model)
        longest = self.options.max_new_tokens
        generate: Any = model.generate
        found = generate(
            *self._poses(batch),
            self._prompt(batch),
            self._crops(batch),
            beams=self.options.beams,
            longest=longest,
        )
        written = found.new_full((len(batch), longest + 1), tokenizer.pad_token_id)
        written[:, : found.shape[1]] = found[:, : longest + 1]
        references = np.stack([as_code_points(text) for text in self._texts(batch)])
        keys = np.stack([as_code_points(key, LONGEST_KEY) for key in batch.key])
        return {
            "written": written,
            "reference": torch.from_numpy(references),
            "label_id": batch.label_id,
            "key": torch.from_numpy(keys),
        }

    def metrics(self, rows: Rows, gallery: Rows | None = None) -> dict[str, float]:
        """BLEU, chrF, ROUGE-L and WER; for class names also accuracy per clip and per class."""
        said, meant, _ = self._read(rows)
        values = score_texts(said, meant, unit=self.options.unit).values
        return values | (class_accuracy(said, meant) if self.options.target == "label" else {})

    def intervals(self, rows: Rows) -> dict[str, Interval]:
        """See `of_texts`."""
        said, meant, _ = self._read(rows)
        return of_texts(said, meant, unit=self.options.unit)

    def draw(self, rows: Rows, folder: Path) -> None:
        """`predictions.csv` with both texts, and `signature.json`, how BLEU was computed."""
        said, meant, keys = self._read(rows)
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(("key", "reference", "prediction"))
        writer.writerows(zip(keys, meant, said, strict=True))
        write_bytes(folder / "predictions.csv", table.getvalue().encode("utf-8"))
        signature = score_texts(said, meant, unit=self.options.unit).signature
        write_json(folder / "signature.json", {"sacrebleu": signature, "unit": self.options.unit})

    def export(self, model: nn.Module) -> Exportable:
        """The pose encoder alone: vectors of the frames, which any decoder may read.

        Raises:
            ConfigError: it looks at pictures of hands too.
        """
        if isinstance(self.facts.inputs, Crops):
            raise ConfigError(
                "an encoder that looks at pictures of hands cannot be exported",
                hint="export the run of the first stage, which looks at poses alone",
            )
        encoder: Any = model.poses
        shape = (1, 32, self.facts.keypoints.points, self.facts.keypoints.channels + 1)
        return Exportable(
            module=encoder,
            example={"points": torch.zeros(shape), "mask": torch.ones(1, 32, dtype=torch.bool)},
            outputs=("vectors",),
            dynamic={"points": {0: "batch", 1: "frames"}, "mask": {0: "batch", 1: "frames"}},
        )

    def _poses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return batch.views[VIEW], batch.masks[VIEW]

    def _crops(self, batch: Batch) -> HandCrops | None:
        given = self.facts.inputs
        if not isinstance(given, Crops):
            return None
        return HandCrops(
            pictures=normalised(batch.views["crop"], given.mean, given.std),
            joints=batch.views["crop_joints"],
            places=batch.views["crop_place"],
            mask=batch.masks["crop"],
        )

    def _prompt(self, batch: Batch) -> Tensor:
        prompt = self.options.prompt.format(language=self.options.language)
        ids = tokenizer_of(self.language_model)(prompt)["input_ids"]
        return torch.tensor(ids, device=batch.weight.device)

    def _labels(self, batch: Batch) -> Tensor:
        tokenizer = tokenizer_of(self.language_model)
        tokens = tokenizer(
            self._texts(batch),
            padding=True,
            truncation=True,
            max_length=self.options.max_target_tokens,
            return_tensors="pt",
        )
        # By the mask: in some vocabularies padding and the end of a text are one token.
        labels = tokens["input_ids"].masked_fill(tokens["attention_mask"] == 0, IGNORED)
        return torch.as_tensor(labels.to(batch.weight.device))

    def _texts(self, batch: Batch) -> list[str]:
        if self.options.target == "text":
            return batch.text
        if self.options.target == "gloss":
            return batch.gloss
        names = self.facts.labels
        return [names[number] if number >= 0 else "" for number in batch.label_id.tolist()]

    def _read(self, rows: Rows) -> tuple[list[str], list[str], list[str]]:
        """Predictions, references and keys of the clips."""
        meant, keys = ([as_text(row) for row in rows[name]] for name in ("reference", "key"))
        tokenizer = tokenizer_of(self.language_model)
        said = tokenizer.batch_decode(rows["written"], skip_special_tokens=True)
        return [text.strip() for text in said], meant, keys


def as_code_points(text: str, longest: int = LONGEST_REFERENCE) -> NDArray[np.int32]:
    """(longest,) code points of a text, zeros behind it."""
    points = np.zeros(longest, np.int32)
    found = [ord(character) for character in text[:longest]]
    points[: len(found)] = found
    return points


def as_text(points: NDArray[Any]) -> str:
    """The inverse of `as_code_points`."""
    return "".join(chr(point) for point in points.tolist() if point)


class SltPlugin:
    """The plug-in, see `TaskPlugin`."""

    name = "slt"
    title = "Signs to text: translation, continuous recognition, recognition as text"

    def options(self, raw: Mapping[str, Any]) -> SltOptions:
        """See `TaskPlugin`."""
        return SltOptions.model_validate(dict(raw))

    def open(
        self, options: BaseModel, model: ModelPlugin, model_options: BaseModel, facts: DataFacts
    ) -> Task:
        """See `TaskPlugin`."""
        if model.name != "unisign":
            raise ConfigError(
                f"the task `{self.name}` cannot train the model `{model.name}`",
                hint="set `model.name: unisign`",
            )
        chosen = SltOptions.model_validate(options)
        if chosen.target == "label" and not facts.labels:
            raise ConfigError("the build has no labels to write", hint="set `task.target: text`")
        task = Slt(model, model_options, facts, outputs=0)
        task.options = chosen
        task.metric, task.mode = CHOSEN[chosen.target]
        task.language_model = UniSignOptions.model_validate(model_options).language_model
        return task


TASK = SltPlugin()
