"""What becomes of a trained model: vectors, similarity, neighbours, files, and a page."""

from __future__ import annotations

import csv
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Page, browser, onnxruntime_web, served
from pose_build import write_pose_build
from process import sign_etl

pytest.importorskip("accelerate")
from trained_runs import write_run

from sign_etl.app.export_model import ExportRequest, export_model
from sign_etl.app.vectors import embed
from sign_etl.cli import main as cli
from sign_etl.core.errors import ConfigError, UsageError, VerifyError
from sign_etl.schema.vectors import read_vectors
from sign_etl.tasks import portable
from sign_etl.tasks.outside import outside
from sign_etl.tasks.trained import open_run

pytestmark = pytest.mark.slow

METRIC = {"name": "metric", "size": 8}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 clips of 3 classes, half of them for tests."""
    out = tmp_path_factory.mktemp("after") / "build"
    return write_pose_build(out, [5, 9, 14, 20] * 6, classes=3, splits=("train", "test"))


@pytest.fixture(scope="module")
def metric(build: Path) -> Path:
    return write_run(build.parent / "metric", build, METRIC)


@pytest.fixture(scope="module")
def islr(build: Path) -> Path:
    return write_run(build.parent / "islr", build, {"name": "islr"}, position="learned")


def data_of(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> Any:
    """What a command with --json says: in this process, which has torch already."""
    capfd.readouterr()
    code = cli.run([*map(str, arguments), "--json"])
    said = capfd.readouterr()
    assert code == 0, said.err
    return json.loads(said.out)["data"]


def test_from_vectors_to_soft_targets_and_neighbours(
    build: Path, metric: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = build.parent
    done = sign_etl(
        *("embed", metric, "--data", build, "--out", folder / "all.parquet", "--json"),
    )
    reply = json.loads(done.stdout)["data"]
    assert (reply["clips"], reply["damaged"], reply["size"]) == (24, 0, 8)
    assert reply["output"] == "embedding"
    again = embed(metric, [str(build)], [], folder / "again.parquet")
    assert again.model == reply["model"]
    assert (folder / "all.parquet").read_bytes() == (folder / "again.parquet").read_bytes()
    vectors = read_vectors(folder / "all.parquet")
    assert vectors.facts.view["layout"] == "spoter-54"
    assert vectors.columns["normal_label"][0] == "word-000"
    assert set(vectors.columns["split"]) == {"train", "test"}

    out = folder / "similar"
    reply = data_of(capfd, "similarity", folder / "all.parquet", "--out", out, "--alpha", "0.2")
    assert reply["classes"] == 3
    assert len(reply["closest"]) == 6
    targets = np.load(out / "soft_targets.npy")
    np.testing.assert_allclose(targets.sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(targets.diagonal(), 0.8, rtol=1e-6)
    rows = list(csv.reader((out / "closest.csv").open()))
    assert rows[1][:2] == [reply["closest"][0]["label"], reply["closest"][0]["similar_to"]]
    facts = json.loads((out / "similarity.json").read_text())
    assert (facts["clips"], facts["splits"]) == (12, ["train"])  # the test split does not teach
    assert (out / "similarity.png").read_bytes().startswith(b"\x89PNG")

    for split in ("train", "test"):
        embed(metric, [str(build)], [split], folder / f"{split}.parquet")
    gallery = ("--gallery", folder / "train.parquet")
    reply = data_of(capfd, "knn", folder / "test.parquet", *gallery)
    assert (reply["queries"], reply["unknown"], reply["names"]) == (12, 0, "label")
    names = {"knn1", "knn5", "top5", "top5_classes", "centroid1", "centroid5"}
    assert set(reply["metrics"]) == names


def test_features_are_what_the_last_layer_reads(build: Path, islr: Path) -> None:
    file = build.parent / "features.parquet"
    embed(islr, [str(build)], ["test"], file, logits=True)
    found = read_vectors(file)
    assert found.vector.shape == (12, 108)
    assert found.logits is not None
    head = open_run(islr, [str(build)]).model.head
    weight, bias = (part.detach().numpy() for part in (head.weight, head.bias))
    np.testing.assert_allclose(found.vector @ weight.T + bias, found.logits, atol=1e-5)


def test_a_model_may_look_at_data_with_other_classes(build: Path, islr: Path) -> None:
    other = write_pose_build(build.parent / "other", [6] * 10, classes=5, name="other")
    reply = embed(islr, [str(other)], [], build.parent / "other.parquet")
    assert reply.clips == 10
    assert len(read_vectors(build.parent / "other.parquet").facts.labels) == 5


def test_onnx_with_preprocessing_is_what_evaluation_says(build: Path, metric: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from sign_etl.schema.exported import from_metadata
    from sign_etl.tasks.web_page import example_clip

    file = build.parent / "metric.onnx"
    reply = export_model(ExportRequest(metric, "onnx", file, input="keypoints"))
    assert reply.model.parity.max_abs < 1e-4
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    record = from_metadata(session.get_modelmeta().custom_metadata_map)
    assert record == reply.model
    assert (record.opset, record.layout, record.preprocessing_in_graph) == (18, "spoter-54", True)
    assert record.inputs[0].shape == (1, "frames", 54, 3)
    assert record.licences == ("CC0-1.0",)
    assert session.get_inputs()[0].shape == [1, "frames", 54, 3]
    # No path of this machine is in the file.
    assert str(Path(portable.__file__).parent).encode() not in file.read_bytes()

    found = example_clip(open_run(metric, [str(build)]), raw=True)
    assert found is not None
    key, clip = found
    embed(metric, [str(build)], [], build.parent / "wanted.parquet")
    wanted = read_vectors(build.parent / "wanted.parquet")
    [said] = session.run(None, _inputs(clip))
    row = list(wanted.columns["key"]).index(key)
    np.testing.assert_allclose(said[0], wanted.vector[row], atol=1e-4)


def test_onnx_takes_batches_and_says_nothing_beside_json(
    build: Path, islr: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    file = build.parent / "batch.onnx"
    arguments = ("--format", "onnx", "--input", "batch", "--out", file)
    reply = data_of(capfd, "export-model", islr, *arguments)
    assert [each["shape"] for each in reply["model"]["inputs"]] == [
        ["batch", "frames", 54, 2],
        ["batch", "frames"],
    ]
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    assert [each.shape for each in session.get_outputs()] == [["batch", 3]]
    points = np.random.default_rng(0).random((2, 9, 54, 2), np.float32)
    mask = np.arange(9) < np.array([[4], [9]])
    [both] = session.run(None, {"points": points, "mask": mask})
    [alone] = session.run(None, {"points": points[:1, :4], "mask": mask[:1, :4]})
    np.testing.assert_allclose(both[:1], alone, atol=1e-5)  # padding changes nothing


def test_torchscript_takes_batches_and_tells_about_itself(build: Path, islr: Path) -> None:
    import torch

    file = build.parent / "islr.pt"
    reply = export_model(ExportRequest(islr, "torchscript", file, input="batch"))
    assert reply.files == (str(file), f"{file}.json")
    told = json.loads(Path(f"{file}.json").read_text())
    assert told["labels"] == ["word-000", "word-001", "word-002"]
    assert told["gives"] == "scores"
    script = torch.jit.load(str(file))
    mask = torch.tensor([[True] * 4 + [False] * 3, [True] * 7])
    points = torch.rand(2, 7, 54, 2) * mask[..., None, None]
    with torch.no_grad():
        both, alone = script(points, mask), script(points[:1, :4], mask[:1, :4])
    torch.testing.assert_close(both[:1], alone)


def test_a_file_that_differs_is_refused(islr: Path) -> None:
    import torch

    shown = outside(open_run(islr), "clip")

    def wrong(inputs: portable.Arrays) -> list[Any]:
        truth = shown.truth({name: torch.from_numpy(each) for name, each in inputs.items()})
        return [truth.numpy() + 0.01]

    with pytest.raises(VerifyError, match=r"differs from torch by 0\.01 on a clip of 1 frames"):
        portable.held_against(shown, wrong)


def test_what_cannot_be_exported_is_refused(build: Path, metric: Path) -> None:
    with pytest.raises(UsageError, match="belong to --format web"):
        export_model(ExportRequest(metric, "onnx", build.parent / "x.onnx", runtime=build))
    with pytest.raises(ConfigError, match="cannot be converted"):
        export_model(
            ExportRequest(
                *(metric, "onnx", build.parent / "x.onnx", "keypoints"), layout="hands-42"
            )
        )
    with pytest.raises(UsageError, match=r"has no ort\.wasm\.min\.mjs"):
        pytest.importorskip("onnxscript")
        export_model(ExportRequest(metric, "web", build.parent / "no", runtime=build))
    assert not (build.parent / "x.onnx").exists()


def test_the_page_recognises_a_clip(build: Path, metric: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    runtime = onnxruntime_web()
    out = tmp_path / "page"
    reply = export_model(ExportRequest(metric, "web", out, data=(str(build),), runtime=runtime))
    assert reply.runtime is True
    page_facts = json.loads((out / "page.json").read_text())
    example = page_facts["example"]
    values = np.frombuffer(_bytes(example["values"]), "<f4").reshape(example["shape"])
    np.save(tmp_path / "clip.npy", values.astype(np.float16).astype(np.float32))
    np.save(tmp_path / "short.npy", values[:, :5])
    nested = np.where(np.isnan(values), None, values.astype(object)).tolist()
    (tmp_path / "clip.json").write_text(json.dumps({"keypoints": nested}))

    with served(out) as address, browser(tmp_path / "profile") as page:
        page.open(address)
        ready = wait_until(page, ("ready",))
        assert ready.startswith("Ready: WASM on ")
        first = page.evaluate("window.signEtl.found")
        gallery = page_facts["gallery"]
        assert first == expected(out, example, gallery)
        assert page.evaluate("document.querySelectorAll('#found tbody tr').length") == 3
        for name in ("clip.npy", "clip.json"):
            page.evaluate("window.signEtl.found = null")
            page.choose_file("#file", tmp_path / name)
            assert page.evaluate(POLL) is True
            found = page.evaluate("window.signEtl.found")
            assert [each["label"] for each in found] == [each["label"] for each in first]
        page.choose_file("#file", tmp_path / "short.npy")
        assert "(frames, 54, 3) is wanted" in wait_until(page, ("failed",))
        times = page.evaluate("window.signEtl.measure(window.signEtl.clip)")
        assert len(times["times"]) == 20

        # Without its runtime the page says where to get it.
        shutil.rmtree(out / "runtime")
        page.call("Network.clearBrowserCache")
        page.open(address + "?again")
        assert "npm pack onnxruntime-web" in wait_until(page, ("failed",))


POLL = """new Promise((done) => {
  const look = () => (window.signEtl.found ? done(true) : setTimeout(look, 50));
  look();
})"""


def wait_until(page: Page, states: tuple[str, ...], seconds: float = 240) -> str:
    """What the page says once it is in one of the states; its first visit loads it twice."""
    script = (
        "[document.documentElement.dataset.state, document.getElementById('state')?.textContent,"
        " crossOriginIsolated]"
    )
    end = time.monotonic() + seconds
    said: Any = None
    while time.monotonic() < end:
        try:
            said = page.evaluate(script)
        except AssertionError:  # it is being loaded
            said = None
        if said and said[0] in states and said[2]:
            return str(said[1])
        time.sleep(0.1)
    raise AssertionError(f"the page says {said}")


def expected(folder: Path, clip: dict[str, Any], gallery: dict[str, Any]) -> Any:
    """Labels and distances that the page should show, by ONNX Runtime and numpy."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    [said] = session.run(None, _inputs(clip))
    vectors = np.frombuffer(_bytes(gallery["vectors"]), "<f4").reshape(-1, said.shape[1])
    best: dict[str, float] = {}
    for label, vector in zip(gallery["labels"], vectors, strict=True):
        far = float(np.linalg.norm(vector.astype(float) - said[0]))
        best[label] = min(far, best.get(label, np.inf))
    ranked = sorted(best.items(), key=lambda pair: pair[1])
    return [{"label": label, "value": pytest.approx(far, abs=1e-3)} for label, far in ranked]


def _inputs(clip: dict[str, Any]) -> dict[str, Any]:
    values = np.frombuffer(_bytes(clip["values"]), "<f4").reshape(1, *clip["shape"])
    return {"keypoints": values, "size": np.array([clip["width"], clip["height"]], np.float32)}


def _bytes(text: str) -> bytes:
    import base64

    return base64.b64decode(text)
