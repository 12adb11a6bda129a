"""What a build says of its features: report, page, `show`, card and croissant.json."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_build import write_tiny_build
from tiny_run import TinyRun, make_clip, make_pipeline, make_setup, plan_of, write_videos

from sign_etl.app.prepare import feature_setup
from sign_etl.app.report import report
from sign_etl.app.show import show, show_lines
from sign_etl.cli.output import Output
from sign_etl.cli.report_text import tell_report
from sign_etl.export.card import CARD
from sign_etl.export.croissant import FILE
from sign_etl.reader import open_build
from sign_etl.reader.features import features
from sign_etl.run.documents import render
from sign_etl.schema.records import LabelsRecord
from sign_etl.shard.verify import verify
from sign_etl.viz import feature_timeline
from sign_etl.viz.feature_timeline import FeatureCurve, feature_lines, with_features
from sign_etl.viz.page_features import features as page_section

PIXELS = {"pixels": {"side": 4, "stride": 2}}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished build of three clips with small grey pictures as features."""
    folder = tmp_path_factory.mktemp("told")
    media = write_videos(folder / "media", ["a.mp4", "b.mp4", "c.mp4"], frames=8)
    pipeline = make_pipeline(features=PIXELS)
    clips = [make_clip(name, label=name, split="train") for name in "abc"]
    sets = tuple(feature_setup(name, raw, weights=True) for name, raw in PIXELS.items())
    setup = replace(make_setup(folder, pipeline, media=media), features=sets)
    run = TinyRun(plan_of(clips, pipeline), setup, folder / "build")
    run.run()
    run.publish()
    return run.build


def test_the_report_counts_them(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reply = report(build)
    [part] = reply.features
    with open_build(build) as opened:
        arrays = [features(opened, sample, "pixels") for sample in opened]
        sizes = [sample.members["pixels.feat.npy"].size_bytes for sample in opened]
    assert (part.name, part.backend, part.dtype, part.size) == ("pixels", "pixels", "float16", 16)
    assert (part.clips, part.steps) == (3, sum(map(len, arrays)))
    assert part.size_bytes == sum(sizes)
    tell_report(Output(), reply)
    line = f"features pixels: pixels, (T, 16) float16, 3 clips, {part.steps} steps, "
    assert line in capsys.readouterr().out
    section = page_section(reply.features)
    assert f'<td class="n">{part.steps}</td>' in section
    assert "stride 2" in section


def test_the_page_has_a_section_of_them(build: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from sign_etl.app.report_page import report_page

    report_page(build, tmp_path / "with.html", poses=False, samples=0)
    report_page(write_tiny_build(tmp_path / "plain", clips=1), tmp_path / "without.html", samples=0)
    has = [
        'id="features"' in (tmp_path / f"{name}.html").read_text("utf-8")
        for name in ("with", "without")
    ]
    assert has == [True, False]


def test_show_draws_them(build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_build(build) as opened:
        sample = next(iter(opened))
        norm = np.linalg.norm(features(opened, sample, "pixels").astype(np.float64), axis=1)
    lines = [line for line, _ in show_lines(build, columns=80, key=sample.key, colour=False)]
    words = f"pixels  ({len(norm)}, 16) float16  norm {norm.min():.3g} to {norm.max():.3g}  "
    assert lines[-1].startswith(words)
    assert len(lines[-1]) == len(words) + len(norm)
    heights = []
    for _ in range(2):
        with Image.open(show(build, key=sample.key, frames=1, out=tmp_path / "a.png")) as picture:
            heights.append(picture.height)
        monkeypatch.setattr(feature_timeline, "feature_curves", lambda *_: [])
    assert heights[0] > heights[1] + feature_timeline.HEIGHT


def test_a_line_is_as_wide_as_there_is_room() -> None:
    curve = FeatureCurve("clip", (40, 8), "float16", np.linspace(1, 2, 40))
    [wide] = feature_lines([curve], 100)
    assert wide == f"{curve.words}  {''.join(5 * step for step in '▁▂▃▄▅▆▇█')}"
    words, drawn = feature_lines([curve], 20)
    assert (words, len(drawn)) == (curve.words, 20)
    [still] = feature_lines([replace(curve, norm=np.ones(3))], 100)
    assert still.endswith("  ▅▅▅")
    paper = Image.new("RGB", (200, 50))
    assert with_features(paper, []) is paper
    assert with_features(paper, [curve]).height > 50


def test_card_and_croissant_name_them(
    build: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert verify(build).problems == ()
    text = (build / CARD).read_text("utf-8")
    assert "shards, with videos and features pixels. Built" in text
    assert "| pixels | pixels 1 | (T, 16) | float16 | one of 2 |  |" in text
    assert "Features hold some of what the pictures show" in text
    script = tmp_path / "script.py"
    script.write_text(text.partition("```python\n")[2].partition("```")[0])
    monkeypatch.chdir(build)
    runpy.run_path(str(script))
    assert [line for line in capsys.readouterr().out.splitlines() if line.endswith(", 16)")]
    said = json.loads((build / FILE).read_bytes())
    [found] = [part for part in said["distribution"] if part["@type"] == "cr:FileSet"]
    assert found["includes"] == "*.pixels.feat.npy"
    assert "(T, 16) float16" in found["description"]
    shards = [part["@id"] for part in said["distribution"] if part["@id"].endswith(".tar")]
    assert [part["@id"] for part in found["containedIn"]] == shards
    mlcroissant = pytest.importorskip("mlcroissant")
    assert not mlcroissant.Dataset(build / FILE).metadata.ctx.issues.errors


def test_documents_of_a_build_without_them_say_nothing_of_them(tmp_path: Path) -> None:
    build = write_tiny_build(tmp_path / "build", clips=2)
    labels = LabelsRecord.model_validate_json((build / "labels.json").read_bytes())
    with open_build(build) as opened:
        made = render(opened.manifest, opened.index, labels, "open")
    assert not any(b"eature" in text for text in made.values())
